"""Examples -> batches: draw a pool, choose anchors, sort by length so that little is padding."""

from __future__ import annotations

import random
from dataclasses import dataclass

import torch
from torch import Tensor

from examples import Example
from layout import Batch, Context, Rules, choose_by_score, collate, place, place_full, stride_anchors
from model import AnchorDecoder
from score import score_sequences
from text import Tokens

IGNORED = -100


@dataclass(frozen=True)
class Plan:
    """How a row's context is read: `choice` stride, window, attention; or full, none (nothing is compressed)."""

    choice: str
    ratio: int


def group_by_length(examples: list[Example], budget: int, generator: random.Random) -> list[list[Example]]:
    """Batches of at most about `budget` padded tokens, in random order."""
    groups: list[list[Example]] = [[]]
    for example in sorted(examples, key=lambda e: e.size):
        if groups[-1] and (len(groups[-1]) + 1) * example.size > budget:
            groups.append([])
        groups[-1].append(example)
    generator.shuffle(groups)
    return groups


def with_added(example: Example, ratio: int, vocabulary: int) -> tuple[Example, list[list[int]]]:
    """Scheme AC: `<AC>` (id = vocabulary) after every `ratio` tokens and at the end; the new ids' indices."""
    sealed, loss, anchors = [], [], []
    for tokens, start in zip(example.context.sealed, example.sealed_loss_from):
        ids, chosen, begin = [], [], None
        for t, token in enumerate(tokens):
            begin = len(ids) if t == start else begin
            ids.append(token)
            if (t + 1) % ratio == 0 or t == len(tokens) - 1:
                chosen.append(len(ids))
                ids.append(vocabulary)
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
        [stride_anchors(len(s), plan.ratio) for s in example.context.sealed] for example, plan in zip(examples, plans)
    ]
    scored = [
        (row, number)
        for row, plan in enumerate(plans)
        if plan.choice in ("window", "attention")
        for number in range(len(examples[row].context.sealed))
    ]
    by_prefix: dict[tuple[int, ...], list[tuple[int, int]]] = {}
    for row, number in scored:
        by_prefix.setdefault(tuple(examples[row].context.prefix), []).append((row, number))
    for prefix, members in by_prefix.items():
        sequences = [examples[row].context.sealed[number] for row, number in members]
        for (row, number), scores in zip(members, score_sequences(model, tokens, prefix, sequences, score_layers)):
            chosen[row][number] = choose_by_score(scores, plans[row].ratio, plans[row].choice)
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
) -> tuple[Batch, Tensor]:
    """A batch and its targets [B, T]; added anchors (scheme AC) are never predicted."""
    compressed = [plan.choice not in ("full", "none") for plan in plans]
    if model.anchoring.scheme == "AC":
        pairs = [
            with_added(e, plan.ratio, model.config.vocab_size) if packed else (e, [])
            for e, plan, packed in zip(examples, plans, compressed)
        ]
        examples, chosen = [e for e, _ in pairs], [a for _, a in pairs]
    else:
        chosen = choose_anchors(model, tokens, examples, plans, score_layers)
    rows = [
        place(e.context, anchors, rules) if packed else place_full(e.context, plan.choice == "full")
        for e, anchors, plan, packed in zip(examples, chosen, plans, compressed)
    ]
    batch = collate(rows, rules, model.embedding.dtype)
    targets = torch.full(batch.ids.shape, IGNORED)
    for row, (example, plan) in enumerate(zip(examples, plans)):
        values = targets_of(example, sealed_loss, plan.choice != "none")
        targets[row, : len(values)] = torch.tensor(values)
    targets[targets >= model.config.vocab_size] = IGNORED
    return batch, targets
