"""The learned scorer behind the choice `learned`: which tokens of a sequence later text will attend to.

A perceptron with one hidden layer reads a token's values (not its keys, which hold its position) of every layer, from
one causal run over prefix + sequence, without marks. `attention` needs two such passes over the sequence for its
scores. train_scorer.py teaches it how much answers take from the tokens that they were asked about.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from layout import Context, Rules, collate, place, run
from model import AnchorDecoder

SCORER = "anchor_scorer.safetensors"


class AnchorScorer(nn.Module):
    """values [n, layers * kv_heads * head_dim], layer by layer -> scores [n], of which the largest are kept."""

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(inputs, hidden)
        self.output = nn.Linear(hidden, 1, bias=False)

    def forward(self, values: Tensor) -> Tensor:
        return self.output(F.silu(self.hidden(values)))[..., 0]


def write_scorer(scorer: AnchorScorer, folder: Path) -> None:
    """Write the scorer's file: the large matrix in float16."""
    tensors = {name: value.detach().cpu().contiguous() for name, value in scorer.state_dict().items()}
    tensors["hidden.weight"] = tensors["hidden.weight"].half()
    save_file(tensors, folder / SCORER, metadata={"format": "pt"})


def read_scorer(folder: Path | None, model: AnchorDecoder) -> AnchorScorer | None:
    """An adapter folder's scorer, if it has one; SystemExit where it is of another decoder."""
    if folder is None or not (folder / SCORER).is_file():
        return None
    tensors = {name: value.float() for name, value in load_file(folder / SCORER).items()}
    if tensors.keys() != {"hidden.weight", "hidden.bias", "output.weight"}:
        raise SystemExit(f"{folder}/{SCORER}: unexpected tensors {', '.join(sorted(tensors))}")
    hidden, inputs = tensors["hidden.weight"].shape
    if inputs != values_width(model):
        raise SystemExit(f"{folder}/{SCORER} reads {inputs} values a token; the decoder has {values_width(model)}")
    scorer = AnchorScorer(inputs, hidden)
    scorer.load_state_dict(tensors)
    return scorer.requires_grad_(False).to(model.embedding.device)


def required_scorer(folder: Path, model: AnchorDecoder) -> AnchorScorer:
    """As `read_scorer`; SystemExit where the folder has none."""
    scorer = read_scorer(folder, model)
    if scorer is None:
        raise SystemExit(f"{folder} has no {SCORER}: run train_scorer.py")
    return scorer


def values_width(model: AnchorDecoder) -> int:
    """Values of one token in all layers."""
    return len(model.blocks) * model.config.num_key_value_heads * model.config.head_dim


@torch.no_grad()
def token_values(model: AnchorDecoder, prefix: Sequence[int], sequences: Sequence[Sequence[int]]) -> list[Tensor]:
    """Values [len(sequence), values_width] of each sequence, which sees the prefix and itself; all in one row."""
    context = Context(prefix, sequences, [True] * len(sequences), [])
    batch = collate([place(context, [[]] * len(sequences), Rules())], Rules(), model.embedding.dtype)
    found: list[Tensor] = []
    hooks = [block.v_proj.register_forward_hook(lambda _m, _i, out: found.append(out[0])) for block in model.blocks]
    try:
        run(model, batch, model.embedding.device)
    finally:
        for hook in hooks:
            hook.remove()
    sizes = [len(sequence) for sequence in sequences]
    return list(torch.cat(found, 1)[len(prefix) : len(prefix) + sum(sizes)].split(sizes))


@torch.no_grad()
def learned_scores(
    model: AnchorDecoder, prefix: Sequence[int], sequences: Sequence[Sequence[int]], budget: int = 1024
) -> list[Tensor]:
    """Scores [len(sequence)] for each sequence; sequences share a row of about `budget` tokens."""
    if model.scorer is None:
        raise SystemExit(f"the choice learned needs {SCORER}: run train_scorer.py")
    found: list[Tensor] = []
    group: list[Sequence[int]] = []
    for sequence in [*sequences, None]:
        if group and (sequence is None or sum(map(len, group)) + len(sequence) > budget):
            found += [model.scorer(values.float()).cpu() for values in token_values(model, prefix, group)]
            group = []
        if sequence is not None:
            group.append(sequence)
    return found
