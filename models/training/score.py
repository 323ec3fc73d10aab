"""The scoring pass: how much attention each token of a sequence receives while the model repeats it.

The model (adapter on, no marks) runs causally over prefix + sequence + REPEAT + sequence. Per layer and query head
the largest probability that a query of the second copy gives a key of the first; the mean over layers and heads.
KVzip's score (Kim et al., arXiv 2505.23416), one set of tokens for all heads.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from examples import Example
from layout import Context, Rules, collate, place_full
from model import AnchorDecoder
from scorer import learned_scores
from text import Tokens

SCORED_BY = {"window": "repeating", "attention": "repeating", "learned": "scorer", "answer": "answer"}  # by choice


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


def scores_of(
    model: AnchorDecoder, tokens: Tokens, examples: Sequence[Example], source: str, layers: int | None = None
) -> list[list[Tensor]]:
    """Scores [len(sequence)] of every sealed sequence of each example by a source of SCORED_BY; `layers` as above, for
    "repeating". Sequences after the same prefix share passes."""
    if source == "answer":
        return [taken_by_answer(model, e.context, e.live_loss_from) for e in examples]
    found: list[list[Tensor]] = [[torch.empty(0)] * len(e.context.sealed) for e in examples]
    together: dict[tuple[int, ...], list[tuple[int, int]]] = {}
    for row, example in enumerate(examples):
        members = together.setdefault(tuple(example.context.prefix), [])
        members += [(row, number) for number in range(len(example.context.sealed))]
    for prefix, members in together.items():
        sequences = [examples[row].context.sealed[number] for row, number in members]
        if source == "scorer":
            scores = learned_scores(model, prefix, sequences)
        else:
            scores = score_sequences(model, tokens, prefix, sequences, layers)
        for (row, number), values in zip(members, scores):
            found[row][number] = values
    return found


@torch.no_grad()
def taken_by_answer(model: AnchorDecoder, context: Context, answer_from: int) -> list[Tensor]:
    """How much the live text from token `answer_from` on takes from each token of the sealed sequences, all read whole:
    per layer and query head the largest probability, times the norm of the token's value over the mean norm of that
    head's, averaged. What a choice that knew the answer would keep.

    Punctuation draws attention that takes little, since its values are small: the norm tells it apart (Guo et al.,
    arXiv 2406.12335).
    """
    batch = collate([place_full(context, True)], Rules(), model.embedding.dtype)
    first, size = len(context.prefix), sum(map(len, context.sealed))
    start = first + size + answer_from - 1
    end = first + size + len(context.live) - 1
    device = model.embedding.device
    total = torch.zeros(size, device=device)

    def tap(weights: Tensor, values: Tensor) -> None:
        norms = values[0, :, first : first + size].float().norm(dim=-1)
        paid = weights[0, :, :, start:end, first : first + size].amax(2).float().mean(1)
        total.add_((paid * norms / norms.mean(1, keepdim=True)).mean(0))

    model(batch.ids.to(device), batch.positions.to(device), batch.bias.to(device), tap=tap)
    return list((total / len(model.blocks)).cpu().split([len(sequence) for sequence in context.sealed]))


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

    def tap(weights: Tensor, _values: Tensor) -> None:
        for row, sequence in enumerate(sequences):
            size = len(sequence)
            second = start + size + len(repeat)
            received = weights[row, :, :, second : second + size, start : start + size].amax(2)
            totals[row] += received.float().mean((0, 1))

    model(ids.to(device), positions, bias, tap=tap, layers=layers)
    return [total.cpu() / (layers or len(model.blocks)) for total in totals]
