"""Examples -> batches: draw a pool, choose anchors, sort by length so that little is padding."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from examples import Example
from layout import (
    Batch,
    Context,
    Rules,
    choose_by_score,
    collate,
    endpoint_anchors,
    place,
    place_full,
    stride_anchors,
)
from model import AnchorDecoder
from score import SCORED_BY, scores_of
from text import Tokens

IGNORED = -100
WHOLE = 1024  # a ratio longer than any sequence: one anchor for the whole of it


@dataclass(frozen=True)
class Plan:
    """How a row's context is read: `choice` stride, window, attention, learned; or without anchors: full, none (the
    sealed sequences left out), alone (every sequence sees the prefix and itself).

    `ratios` are those of the sealed sequences in turn; the last is that of all after it.
    """

    choice: str
    ratios: tuple[int, ...]

    def ratio(self, number: int) -> int:
        """Ratio of sealed sequence `number`."""
        return self.ratios[min(number, len(self.ratios) - 1)]


def group_by_length(examples: list[Example], budget: int, generator: random.Random) -> list[list[Example]]:
    """Batches of at most about `budget` padded tokens, in random order."""
    groups: list[list[Example]] = [[]]
    for example in sorted(examples, key=lambda e: e.size):
        if groups[-1] and (len(groups[-1]) + 1) * example.size > budget:
            groups.append([])
        groups[-1].append(example)
    generator.shuffle(groups)
    return groups


def with_added(example: Example, plan: Plan, vocabulary: int, added: int) -> tuple[Example, list[list[int]]]:
    """Scheme AC: an added token (ids vocabulary + 0, 1, … in turn) after every `ratio` tokens and at the end of every
    sealed sequence; the new ids' indices."""
    sealed, loss, anchors = [], [], []
    for number, (tokens, start) in enumerate(zip(example.context.sealed, example.sealed_loss_from)):
        ids, chosen, begin = [], [], None
        for t, token in enumerate(tokens):
            begin = len(ids) if t == start else begin
            ids.append(token)
            if (t + 1) % plan.ratio(number) == 0 or t == len(tokens) - 1:
                ids.append(vocabulary + len(chosen) % added)
                chosen.append(len(ids) - 1)
        sealed.append(ids)
        loss.append(len(ids) if begin is None else begin)
        anchors.append(chosen)
    context = Context(example.context.prefix, sealed, example.context.independent, example.context.live)
    return Example(example.kind, context, loss, example.live_loss_from), anchors


def choose_anchors(
    model: AnchorDecoder, tokens: Tokens, examples: list[Example], plans: list[Plan], score_layers: int | None = None
) -> list[list[list[int]]]:
    """Anchor indices of every sealed sequence; sequences chosen by score share scoring passes."""
    chosen = [
        [stride_anchors(len(s), plan.ratio(number)) for number, s in enumerate(example.context.sealed)]
        for example, plan in zip(examples, plans)
    ]
    sources = [SCORED_BY.get(plan.choice) for plan in plans]
    for source in sorted({source for source in sources if source}):
        rows = [row for row, own in enumerate(sources) if own == source]
        for row, scored in zip(rows, scores_of(model, tokens, [examples[row] for row in rows], source, score_layers)):
            plan = plans[row]
            chosen[row] = [choose_by_score(s, plan.ratio(number), plan.choice) for number, s in enumerate(scored)]
    return chosen


def targets_of(example: Example, sealed_too: bool, prefix_and_sealed: bool) -> list[int]:
    """Per laid out token the id it has to predict, or IGNORED. A sequence's first token is predicted by nobody."""
    context = example.context
    sequences = [*context.sealed, context.live] if prefix_and_sealed else [context.live]
    starts = [*example.sealed_loss_from, example.live_loss_from] if prefix_and_sealed else [example.live_loss_from]
    targets = [IGNORED] * len(context.prefix)
    for number, (tokens, start) in enumerate(zip(sequences, starts)):
        live = number == len(sequences) - 1
        for t in range(len(tokens)):
            asked = t + 1 < len(tokens) and t + 1 >= start and (live or sealed_too)
            targets.append(tokens[t + 1] if asked else IGNORED)
    return targets


def build(
    model: AnchorDecoder,
    tokens: Tokens,
    examples: list[Example],
    plans: list[Plan],
    rules: Rules,
    sealed_loss: bool = True,
    score_layers: int | None = None,
    endpoints: Sequence[int] = (),
) -> tuple[Batch, Tensor]:
    """A batch and its targets [B, T]; added anchors (scheme AC) are never predicted, so the asked tokens of a row come
    in the same order and number under every plan. `endpoints`: the token ids that scheme EP takes as anchors."""
    compressed = [plan.choice not in ("full", "none", "alone") for plan in plans]
    if model.anchoring.scheme == "AC":
        pairs = [
            with_added(e, plan, model.config.vocab_size, model.anchoring.added) if packed else (e, [])
            for e, plan, packed in zip(examples, plans, compressed)
        ]
        examples, chosen = [e for e, _ in pairs], [a for _, a in pairs]
    elif model.anchoring.scheme == "EP":
        chosen = [[endpoint_anchors(s, endpoints) for s in e.context.sealed] for e in examples]
    else:
        chosen = choose_anchors(model, tokens, examples, plans, score_layers)
    rows = [
        place(e.context, anchors, rules)
        if packed
        else place(e.context, [[]] * len(e.context.sealed), rules)
        if plan.choice == "alone"
        else place_full(e.context, plan.choice == "full")
        for e, anchors, plan, packed in zip(examples, chosen, plans, compressed)
    ]
    batch = collate(rows, rules, model.embedding.dtype)
    targets = torch.full(batch.ids.shape, IGNORED)
    for row, (example, plan) in enumerate(zip(examples, plans)):
        values = targets_of(example, sealed_loss, plan.choice != "none")
        targets[row, : len(values)] = torch.tensor(values)
    targets[targets >= model.config.vocab_size] = IGNORED
    return batch, targets
