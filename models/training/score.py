"""The scoring pass: how much attention each token of a sequence receives while the model repeats it.

The model (adapter on, no marks) runs causally over prefix + sequence + REPEAT + sequence. Per layer and query head
the largest probability that a query of the second copy gives a key of the first; the mean over layers and heads.
KVzip's score (Kim et al., arXiv 2505.23416), one set of tokens for all heads.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from model import AnchorDecoder
from text import Tokens


@torch.no_grad()
def score_sequences(
    model: AnchorDecoder,
    tokens: Tokens,
    prefix: Sequence[int],
    sequences: Sequence[Sequence[int]],
    layers: int | None = None,
    budget: int = 4096,
) -> list[Tensor]:
    """Scores [len(sequence)] for each sequence; runs of similar length share a batch of about `budget` tokens.

    `layers` stops after the first few layers: cheaper, and close enough to choose anchors while training.
    """
    order = sorted(range(len(sequences)), key=lambda i: len(sequences[i]))
    found: list[Tensor] = [torch.empty(0)] * len(sequences)
    overhead = len(prefix) + len(tokens.repeat)
    group: list[int] = []
    for index in [*order, None]:
        if group and (index is None or (len(group) + 1) * (2 * len(sequences[index]) + overhead) > budget):
            members = [sequences[i] for i in group]
            for member, scores in zip(group, score_group(model, tokens.repeat, prefix, members, layers)):
                found[member] = scores
            group = []
        if index is not None:
            group.append(index)
    return found


@torch.no_grad()
def score_group(
    model: AnchorDecoder,
    repeat: Sequence[int],
    prefix: Sequence[int],
    sequences: Sequence[Sequence[int]],
    layers: int | None = None,
) -> list[Tensor]:
    """The same for one batch."""
    rows = [[*prefix, *s, *repeat, *s] for s in sequences]
    length = -(-max(map(len, rows)) // 16) * 16
    ids = torch.zeros(len(rows), length, dtype=torch.long)
    for row, values in enumerate(rows):
        ids[row, : len(values)] = torch.tensor(values)
    device = model.embedding.device
    positions = torch.arange(length, device=device)[None].expand(len(rows), length)
    bias = torch.full((length, length), -1e9, dtype=model.embedding.dtype, device=device).triu(1)[None, None]
    totals = [torch.zeros(len(s), device=device) for s in sequences]
    start = len(prefix)

    def tap(weights: Tensor) -> None:
        for row, sequence in enumerate(sequences):
            size = len(sequence)
            second = start + size + len(repeat)
            received = weights[row, :, :, second : second + size, start : start + size].amax(2)
            totals[row] += received.float().mean((0, 1))

    model(ids.to(device), positions, bias, tap=tap, layers=layers)
    return [total.cpu() / (layers or len(model.blocks)) for total in totals]
