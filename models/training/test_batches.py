"""What batches ask for, and what examples look like: python -m unittest test_batches"""

from __future__ import annotations

import argparse
import random
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import torch
from torch.nn.functional import cross_entropy

import model
from batches import IGNORED, WHOLE, Plan, build, with_added
from corpus import Corpus
from drawing import Drawing
from examples import LONGEST_SEQUENCE, Example
from layout import Context, Rules, endpoint_anchors, run
from losses import dependence, divergence, weighted_mean
from options import parse
from sessions import MOST_EXCHANGES, SUMMARIZE, first_sentence
from tasks import MIX, Tasks
from test_parity import VOCABULARY, tiny
from text import Tokens
from tinywork import write_work


def example() -> Example:
    context = Context([1, 2], [[3, 4, 5, 6, 7], [8, 9, 10]], [False, False], [11, 12, 13])
    return Example("continue", context, [1, 2], 1)


class BatchTest(unittest.TestCase):
    def asked(self, scheme: str, plan: Plan, endpoints: tuple[int, ...] = ()) -> tuple[list[int], int]:
        decoder = tiny(scheme, "llama", added=2)
        batch, targets = build(decoder, None, [example()], [plan], Rules(False, "cache"), endpoints=endpoints)
        return targets[targets != IGNORED].tolist(), int(batch.marks.sum())

    def test_every_reading_asks_the_same_tokens_in_the_same_order(self) -> None:
        wanted = [4, 5, 6, 7, 10, 12, 13]
        for scheme in ("mark", "AC", "EP"):
            for plan in (Plan("stride", (2, WHOLE)), Plan("full", (1,)), Plan("alone", (1,))):
                self.assertEqual(self.asked(scheme, plan)[0], wanted, f"{scheme} {plan}")

    def test_a_ratio_for_each_sequence(self) -> None:
        self.assertEqual(self.asked("mark", Plan("stride", (2, WHOLE)))[1], 3 + 1)
        self.assertEqual(self.asked("AC", Plan("stride", (WHOLE,)))[1], 2)
        self.assertEqual(self.asked("EP", Plan("stride", (2,)), (4, 9))[1], 2 + 2)

    def test_added_anchors_take_turns_and_close_the_sequence(self) -> None:
        found, anchors = with_added(example(), Plan("stride", (2,)), VOCABULARY, 2)
        self.assertEqual(found.context.sealed[0], [3, 4, VOCABULARY, 5, 6, VOCABULARY + 1, 7, VOCABULARY])
        self.assertEqual(anchors, [[2, 5, 7], [2, 4]])
        self.assertEqual(endpoint_anchors([5, 9, 5, 7], [5]), [0, 2, 3])

    def test_tokens_that_need_their_context_weigh_more(self) -> None:
        weights = dependence(torch.tensor([-1.0, -1.0, -1.0]), torch.tensor([-3.0, -0.5, -90.0]))
        self.assertEqual(weights.tolist(), [3.0, 1.0, 5.0])
        logits = torch.randn(3, 7)
        same = divergence(logits, logits.log_softmax(-1))
        self.assertLess(weighted_mean(same, weights).item(), 1e-6)


    def test_recomputed_layers_have_the_same_gradient(self) -> None:
        found = []
        for recomputed_from in (1000, 4):
            m = tiny("mark", "llama", conditional=True)
            batch, targets = build(m, None, [example()], [Plan("stride", (2,))], Rules())
            with mock.patch.object(model, "RECOMPUTED_FROM", recomputed_from):
                asked = targets != IGNORED
                logits = m.logits(run(m, batch)[asked])
            cross_entropy(logits, targets[asked]).backward()
            found.append({name: value.grad for name, value in m.trainable().items()})
        self.assertGreater(found[0]["anchor_embedding"].abs().max().item(), 1e-4)
        for name, value in found[0].items():
            self.assertLess((value - found[1][name]).abs().max().item(), 1e-9, name)


class DrawingTest(unittest.TestCase):
    def drawing(self, progress: float, scorer: Path | None = None) -> Drawing:
        ratios = [2, 4, 8, 16, 32, WHOLE]
        options = argparse.Namespace(longest=2048, curriculum=0.5, scheme="mark", ratios=ratios, scorer=scorer)
        return Drawing(options, None, random.Random(0), lambda: progress)

    def test_contexts_grow_to_the_longest(self) -> None:
        limits = [self.drawing(progress).limit() for progress in (0, 0.25, 0.5, 1)]
        self.assertEqual(limits, [512, 1024, 2048, 2048])

    def test_every_sequence_draws_its_ratio(self) -> None:
        drawing = self.drawing(0)
        plans = [drawing.plan(example()) for _ in range(200)]
        self.assertEqual({plan.ratio(0) for plan in plans}, {2, 4, 8, 16, 32, WHOLE})
        self.assertGreater(sum(plan.ratio(0) != plan.ratio(1) for plan in plans), 100)
        without = {"stride", "window", "attention"}
        self.assertEqual({plan.choice for plan in plans}, without)
        with_scorer = self.drawing(0, Path("adapter"))
        self.assertEqual({with_scorer.plan(example()).choice for _ in range(200)}, without | {"learned"})


class TasksTest(unittest.TestCase):
    def test_examples_fit_their_rules(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            work = Path(folder) / "work"
            write_work(work)
            tokens = Tokens(work / "base" / "tokenizer.json")
            tasks = Tasks(Corpus(work, "train"), tokens, random.Random(0))
            self.assertEqual(sum(MIX.values()), 100)
            lengths, exchanges = set(), 0
            for limit in (600, 4096):
                tasks.limit = limit
                for kind in MIX:
                    for drawn in (tasks.draw(kind) for _ in range(12)):
                        context = drawn.context
                        self.assertEqual(drawn.kind, kind)
                        self.assertEqual(len(context.sealed), len(context.independent))
                        self.assertEqual(len(context.sealed), len(drawn.sealed_loss_from))
                        self.assertTrue(all(0 < len(s) <= LONGEST_SEQUENCE for s in context.sealed), kind)
                        self.assertTrue(all(1 <= n <= len(s) for n, s in zip(drawn.sealed_loss_from, context.sealed)))
                        self.assertLess(drawn.live_loss_from, len(context.live))
                        lengths.update(map(len, context.sealed))
                        if kind == "session":
                            self.assertLessEqual(drawn.size, max(limit, 1200))
                            exchanges = max(exchanges, len(context.sealed))
            summary = tasks.draw("summary").context.live
            self.assertIn(SUMMARIZE, tokens.decode(summary))
            self.assertLess(min(lengths), 40)
            self.assertGreater(max(lengths), 400)
            self.assertGreater(exchanges, MOST_EXCHANGES // 4)

    def test_a_run_draws_tasks_by_its_mix(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            work = Path(folder) / "work"
            write_work(work)
            command = ["--work", str(work), "--out", folder, "--tokens", "1", "--mix"]
            options = parse("", [*command, ",".join(f"{kind}={int(kind == 'value')}" for kind in MIX)])
            generator = random.Random(0)
            tasks = Tasks(Corpus(work, "train"), Tokens(work / "base" / "tokenizer.json"), generator)
            drawing = Drawing(options, tasks, generator, lambda: 1.0)
            self.assertEqual({example.kind for example in drawing.next_group()}, {"value"})
            self.assertEqual(parse("", [*command, "value=40"]).mix, {**MIX, "value": 40})

    def test_a_summary_takes_first_sentences(self) -> None:
        self.assertEqual(first_sentence("Reads v1.2 of a file. Then more."), "Reads v1.2 of a file.")
        self.assertEqual(first_sentence("  list all files:\nthe rest"), "list all files.")


if __name__ == "__main__":
    unittest.main()
