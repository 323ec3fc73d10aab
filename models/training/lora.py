"""What an adapter adds to a decoder: LoRAs on some matrices, active on all tokens or on anchors; added tokens."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

QKV = ("q_proj", "k_proj", "v_proj")
ATTENTION = (*QKV, "o_proj")
PROJECTIONS = (*ATTENTION, "gate_proj", "up_proj", "down_proj")


@dataclass(frozen=True)
class Anchoring:
    """What an adapter adds. `rank` 0 trains nothing (scheme select); `added` counts `<AC>` embeddings (scheme AC).

    `adapted` names the matrices that have a LoRA, as "layer.projection"; None: all. `conditional`: the LoRA is active
    on anchors alone, so that every other token is read by the base itself (CCM, Kim et al., arXiv 2312.03414).
    """

    scheme: str
    rank: int = 32
    alpha: int = 32
    added: int = 0
    adapted: frozenset[str] | None = None
    conditional: bool = False

    def rank_of(self, layer: int, projection: str) -> int:
        """Rank of one matrix's LoRA; 0 where it has none."""
        return self.rank if self.adapted is None or f"{layer}.{projection}" in self.adapted else 0


def adapted_matrices(which: str, layers: int) -> frozenset[str] | None:
    """The matrices that a LoRA is put on: `all`, those of the `upper` half of the layers, those of `attention` alone,
    or of it `qkv`, which make queries, keys and values."""
    if which == "all":
        return None
    first = layers // 2 if which == "upper" else 0
    names = {"attention": ATTENTION, "qkv": QKV}.get(which, PROJECTIONS)
    return frozenset(f"{layer}.{name}" for layer in range(first, layers) for name in names)


class LoraLinear(nn.Module):
    """y = x W^T + b + g (alpha / r) x A^T B^T with W [out, in] and b frozen, A [r, in], B [out, r].

    The gate g is 1, or given per token [B, T, 1].
    """

    def __init__(self, weight: Tensor, bias: Tensor | None, rank: int, alpha: int) -> None:
        super().__init__()
        out_features, in_features = weight.shape
        self.weight = nn.Parameter(weight, requires_grad=False)
        self.bias = None if bias is None else nn.Parameter(bias, requires_grad=False)
        self.scale = alpha / rank if rank else 0.0
        self.enabled = rank > 0
        self.rounded: Tensor | None = None  # the weight in four bits: rounding.py
        self.is_rounded = False
        if rank:
            self.lora_A = nn.Parameter(torch.randn(rank, in_features) / math.sqrt(in_features))
            self.lora_B = nn.Parameter(torch.zeros(out_features, rank))

    def forward(self, x: Tensor, gate: Tensor | None = None) -> Tensor:
        weight = self.rounded if self.is_rounded and self.rounded is not None else self.weight
        y = F.linear(x, weight, self.bias)
        if self.enabled:
            low = F.linear(x, self.lora_A.to(x.dtype)) * self.scale
            low = low if gate is None else low * gate
            y = y + F.linear(low, self.lora_B.to(x.dtype))
        return y
