"""The learned scorer, and weights of four bits: python -m unittest test_scorer"""

from __future__ import annotations

import contextlib
import io
import json
import random
import tempfile
import unittest
from pathlib import Path

import torch
from safetensors.torch import save_file

import train_scorer
from adapter import read_adapted, read_anchor_config
from batches import Plan, choose_anchors
from examples import Example
from export import anchor_config, lora_config, write_json
from layout import Context, Rules, choose_by_score, collate, place, run
from model import rms_norm
from rounding import BLOCK, CODES, add_rounded, round_to_nibbles, use_rounded
from score import taken_by_answer
from scorer import AnchorScorer, learned_scores, read_scorer, token_values, values_width, write_scorer
from test_parity import tiny
from tiny import make_adapter
from tinywork import write_work


class ScorerTest(unittest.TestCase):
    def setUp(self) -> None:
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder = Path(holder.name)

    def test_values_are_those_of_a_sequence_read_by_itself(self) -> None:
        model = tiny("mark", "llama").eval()
        prefix, sequences = [1, 2, 3], [[4, 5, 6, 7], [8, 9], [10, 11, 12]]
        together = token_values(model, prefix, sequences)
        for sequence, values in zip(sequences, together):
            self.assertEqual(values.shape, (len(sequence), values_width(model)))
            torch.testing.assert_close(token_values(model, prefix, [sequence])[0], values)
        layer = model.blocks[0]
        ids = torch.tensor([[*prefix, *sequences[0]]])
        first = layer.v_proj(rms_norm(model.embed(ids, None), layer.input_norm, model.config.rms_norm_eps))[0, 3:]
        torch.testing.assert_close(together[0][:, : first.shape[1]], first, atol=1e-5, rtol=1e-4)

    def test_a_scorer_comes_back_from_its_file_and_chooses(self) -> None:
        model = tiny("mark", "llama").eval()
        context = Context([1, 2], [[3, 4, 5, 6, 7], [8, 9, 10]], [False, False], [11, 12])
        example, plan = Example("continue", context, [5, 3], 1), Plan("learned", (2,))
        with self.assertRaisesRegex(SystemExit, "train_scorer.py"):
            choose_anchors(model, None, [example], [plan])
        self.assertIsNone(read_scorer(self.folder, model))
        write_scorer(AnchorScorer(values_width(model), 5), self.folder)
        model.scorer = read_scorer(self.folder, model)
        scores = learned_scores(model, context.prefix, context.sealed, budget=4)
        torch.testing.assert_close(scores, learned_scores(model, context.prefix, context.sealed))
        wanted = [choose_by_score(each, 2, "learned") for each in scores]
        self.assertEqual(choose_anchors(model, None, [example], [plan]), [wanted])
        self.assertNotIn("scorer.output.weight", model.trainable())
        write_scorer(AnchorScorer(values_width(model) + 1, 5), self.folder)
        with self.assertRaisesRegex(SystemExit, "reads .* values a token; the decoder has"):
            read_scorer(self.folder, model)

    def test_it_learns_what_answers_take(self) -> None:
        torch.manual_seed(1)
        rows = []
        for _ in range(120):
            values = torch.randn(20, 8)
            taken = torch.softmax(3 * values[:, 2], 0)
            rows.append(train_scorer.Taken("value", values.half(), taken))
        with contextlib.redirect_stdout(io.StringIO()):
            scorer, log = train_scorer.fit(rows[:10], rows[10:], 8, 4, 12, 1e-2)
        self.assertLess(log[-1]["loss"], log[0]["loss"])
        self.assertGreater(log[-1]["value"], 0.9)
        plain = train_scorer.held_figures(scorer, rows[:10])
        self.assertAlmostEqual(plain["loss"], log[-1]["loss"], delta=0.01)

    def test_a_whole_run_on_a_tiny_decoder(self) -> None:
        work, adapter, out = self.folder / "work", self.folder / "adapter", self.folder / "out"
        write_work(work)
        config = json.loads((work / "base" / "config.json").read_text(encoding="utf8"))
        adapter.mkdir()
        save_file(make_adapter(config, 2, torch.Generator().manual_seed(0)), adapter / "adapter_model.safetensors")
        save_file({"anchor_embedding.weight": torch.zeros(1, 32)}, adapter / "anchor_embedding.safetensors")
        write_json(adapter / "adapter_config.json", lora_config(2, "tiny"))
        learned = {"scheme": "mark", "ratios": [2, 4], "strict": False, "positions": "cache"}
        write_json(adapter / "anchor_config.json", anchor_config(learned, [], "tiny", work / "base" / "config.json"))
        command = ["--work", str(work), "--adapter", str(adapter), "--out", str(out), "--examples", "200"]
        with contextlib.redirect_stdout(io.StringIO()):
            train_scorer.main([*command, "--hidden", "4", "--epochs", "1"])
        self.assertEqual(read_anchor_config(adapter)["choice"], "learned")
        self.assertGreater(json.loads((out / "scorer.json").read_text())["sequences"], 50)
        model = read_adapted(work / "base", adapter, "mark", torch.float32)
        self.assertEqual(model.scorer.output.weight.shape, (1, 4))

    def test_what_is_taken_is_by_the_answer_alone(self) -> None:
        model = tiny("mark", "llama").eval()
        example = Example("value", Context([1], [[2, 3, 4], [5, 6]], [False] * 2, [7, 8, 9, 10]), [3, 2], 2)
        paid: list[torch.Tensor] = []
        whole = place(Context([1], [], [], [2, 3, 4, 5, 6, 7, 8, 9, 10]), [], Rules())
        batch = collate([whole], Rules(), model.embedding.dtype)

        def tap(weights: torch.Tensor, values: torch.Tensor) -> None:
            norms = values[0, :, 1:6].norm(dim=-1)
            shares = norms / norms.mean(1, keepdim=True)
            paid.append((weights[0, :, :, 7:9, 1:6].amax(2) * shares[:, None]).mean((0, 1)))

        model(batch.ids, batch.positions, batch.bias, tap=tap)
        expected = torch.stack(paid).mean(0)
        found = taken_by_answer(model, example.context, example.live_loss_from)
        self.assertEqual([len(part) for part in found], [3, 2])
        torch.testing.assert_close(torch.cat(found), expected.float())


class RoundingTest(unittest.TestCase):
    def test_sixteen_values_a_block_near_the_weights(self) -> None:
        torch.manual_seed(0)
        weight = torch.randn(6, 80)
        rounded = round_to_nibbles(weight)
        for row in rounded:
            for block in row.split(BLOCK):
                self.assertLessEqual(len(block.unique()), CODES)
        self.assertLess((rounded - weight).abs().mean().item(), 0.12)
        coarse = torch.tensor([[0.0, 1.0, 2.0, 3.0, -4.0] * 6 + [11.0, 0.0]])
        torch.testing.assert_close(round_to_nibbles(coarse), coarse)

    def test_rounded_weights_are_read_only_where_asked(self) -> None:
        model = tiny("mark", "llama").eval()
        context = Context([1, 2], [], [], [random.Random(0).randrange(20) for _ in range(9)])
        batch = collate([place(context, [], Rules())], Rules(), model.embedding.dtype)
        plain = run(model, batch)
        add_rounded(model)
        torch.testing.assert_close(run(model, batch), plain)
        use_rounded(model, True)
        self.assertGreater((run(model, batch) - plain).abs().max().item(), 1e-3)
        use_rounded(model, False)
        torch.testing.assert_close(run(model, batch), plain)


if __name__ == "__main__":
    unittest.main()
