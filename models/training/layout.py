"""Where tokens stand and what they see: choice of anchors, positions and the AnSAN mask, for a batch.

A context is a pinned prefix (sequence 0), sealed sequences (1..n) and a live sequence (n + 1). For tokens i >= j:

    allow(i, j) = seq(i) == seq(j) | j in prefix
                | j anchor, seq(j) < seq(i), (i no anchor or anchors_see_anchors), seq(i) not independent

Positions `cache`: a sequence is read at base = prefix + anchors so far (independent: base = prefix); afterwards its
anchors stand at prefix + their index in the cache. Positions `absolute`: every token keeps its place in the text.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from model import AnchorDecoder

MASKED = -1e9


@dataclass(frozen=True)
class Context:
    """Token ids of one row. `independent[k]` says that sealed sequence k sees the pinned prefix alone."""

    prefix: Sequence[int]
    sealed: Sequence[Sequence[int]]
    independent: Sequence[bool]
    live: Sequence[int]


@dataclass(frozen=True)
class Rules:
    """The rules of a package that shape mask and positions."""

    anchors_see_anchors: bool = True
    positions: str = "cache"


@dataclass(frozen=True)
class Placed:
    """One row laid out: per token its id, position, sequence, whether it is an anchor; its anchors' cache places."""

    ids: list[int]
    positions: list[int]
    sequence: list[int]
    anchor: list[bool]
    cache_positions: list[int]
    independent: list[bool]  # per sequence, 0..n+1


@dataclass(frozen=True)
class Batch:
    """Tensors of one forward: ids, positions, marks [B, T]; bias [B, 1, T, T + M]; anchors, cache_positions [B, M]."""

    ids: Tensor
    positions: Tensor
    bias: Tensor
    marks: Tensor
    anchors: Tensor
    cache_positions: Tensor


def stride_anchors(length: int, ratio: int) -> list[int]:
    """Every ratio-th token and the last: ceil(length / ratio) indices."""
    return [t for t in range(length) if (t + 1) % ratio == 0 or t == length - 1]


def endpoint_anchors(tokens: Sequence[int], endpoints: Sequence[int]) -> list[int]:
    """Scheme EP: the tokens that are endpoints, and the last: indices, as many as the text has."""
    found = set(endpoints)
    return [t for t, token in enumerate(tokens) if token in found or t == len(tokens) - 1]


def choose_by_score(scores: Tensor, ratio: int, choice: str) -> list[int]:
    """Anchors of a sequence by scores [n]: window: the best of every one; else the ceil(n / ratio) best of all."""
    length = len(scores)
    if choice == "window":
        return [i + int(scores[i : i + ratio].argmax()) for i in range(0, length, ratio)]
    count = math.ceil(length / ratio)
    order = torch.sort(scores, descending=True, stable=True).indices
    return sorted(order[:count].tolist())


def place(context: Context, anchors: Sequence[Sequence[int]], rules: Rules) -> Placed:
    """Lay out one row, `anchors[k]` being the anchor indices of sealed sequence k."""
    prefix = len(context.prefix)
    ids, positions = list(context.prefix), list(range(prefix))
    sequence, anchor = [0] * prefix, [False] * prefix
    cache_positions: list[int] = []
    for number, (tokens, chosen, alone) in enumerate(zip(context.sealed, anchors, context.independent), 1):
        kept = len(cache_positions)
        start = len(ids) if rules.positions == "absolute" else prefix + (0 if alone else kept)
        marked = set(chosen)
        ids += tokens
        positions += range(start, start + len(tokens))
        sequence += [number] * len(tokens)
        anchor += [t in marked for t in range(len(tokens))]
        if rules.positions == "absolute":
            cache_positions += [start + t for t in sorted(marked)]
        else:
            cache_positions += range(prefix + kept, prefix + kept + len(marked))
    start = len(ids) if rules.positions == "absolute" else prefix + len(cache_positions)
    ids += context.live
    positions += range(start, start + len(context.live))
    sequence += [len(context.sealed) + 1] * len(context.live)
    anchor += [False] * len(context.live)
    return Placed(ids, positions, sequence, anchor, cache_positions, [False, *context.independent, False])


def place_full(context: Context, with_sealed: bool) -> Placed:
    """Plain causal attention: everything kept whole, or (with_sealed False) the sealed sequences left out."""
    ids = list(context.prefix)
    if with_sealed:
        for tokens in context.sealed:
            ids += tokens
    ids += context.live
    return Placed(ids, list(range(len(ids))), [0] * len(ids), [False] * len(ids), [], [False])


def _padded(rows: list[list[int]], length: int, fill: int) -> Tensor:
    out = torch.full((len(rows), length), fill, dtype=torch.long)
    for row, values in enumerate(rows):
        out[row, : len(values)] = torch.tensor(values, dtype=torch.long)
    return out


def collate(rows: Sequence[Placed], rules: Rules, dtype: torch.dtype, round_to: int = 16) -> Batch:
    """Pad rows to one length and build the mask. Padding sees itself only, so its softmax is defined."""
    length = -(-max(len(row.ids) for row in rows) // round_to) * round_to
    copies = max(len(row.cache_positions) for row in rows)
    copies = -(-copies // round_to) * round_to
    sequence = _padded([row.sequence for row in rows], length, -1)
    marks = _padded([[int(a) for a in row.anchor] for row in rows], length, 0).bool()
    index = _padded([[t for t, a in enumerate(row.anchor) if a] for row in rows], copies, 0)
    numbers = [[s for s, a in zip(row.sequence, row.anchor) if a] for row in rows]
    anchor_sequence = _padded(numbers, copies, torch.iinfo(torch.long).max)
    alone = _padded([[int(row.independent[s]) for s in row.sequence] for row in rows], length, 0).bool()

    own = (sequence[:, :, None] == sequence[:, None, :]) | (sequence[:, None, :] == 0)
    own &= torch.ones(length, length, dtype=torch.bool).tril() & (sequence[:, None, :] >= 0)
    own |= torch.eye(length, dtype=torch.bool)
    blocked = alone if rules.anchors_see_anchors else alone | marks
    cached = (anchor_sequence[:, None, :] < sequence[:, :, None]) & ~blocked[:, :, None]
    allowed = torch.cat((own, cached), 2)
    bias = torch.zeros(allowed.shape, dtype=dtype).masked_fill_(~allowed, MASKED)[:, None]
    return Batch(
        _padded([row.ids for row in rows], length, 0),
        _padded([row.positions for row in rows], length, 0),
        bias,
        marks,
        index,
        _padded([row.cache_positions for row in rows], copies, 0),
    )


def run(model: AnchorDecoder, batch: Batch, device: torch.device | str = "cpu") -> Tensor:
    """Final hidden states [B, T, D] of a batch."""
    anchored = batch.anchors.shape[1] > 0
    return model(
        batch.ids.to(device),
        batch.positions.to(device),
        batch.bias.to(device),
        batch.marks.to(device) if anchored else None,
        batch.anchors.to(device) if anchored else None,
        batch.cache_positions.to(device) if anchored else None,
    )
