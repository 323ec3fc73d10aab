"""Weights as the variant int4 has them, for training that knows of them (quantise.ts, `quantiseNibbles`).

Every 32 weights of a row share a scale and a zero point: sixteen codes. A converted package's matrices are then fitted
to what the decoder reads (GPTQ), so they are a little better than these; the grid is the same.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from lora import LoraLinear
from model import AnchorDecoder

BLOCK, CODES = 32, 16
FRACTIONS = (0.94, 1.0, 0.88, 0.82, 0.76)  # of a block's range: cutting off an outlier can cost less than coarse steps


@torch.no_grad()
def round_to_nibbles(weight: Tensor) -> Tensor:
    """The nearest values of weight [out, in] in blocks of 32 with 16 values each, by the best of a few ranges."""
    rows, columns = weight.shape
    blocks = F.pad(weight.float(), (0, -columns % BLOCK)).view(rows, -1, BLOCK)
    low, high = blocks.amin(-1, keepdim=True).clamp(max=0), blocks.amax(-1, keepdim=True).clamp(min=0)
    span = (high - low).clamp(min=1e-12)
    zero = (-low * (CODES - 1) / span).round().clamp(0, CODES - 1)
    best, least = torch.zeros_like(blocks), torch.full_like(low, torch.inf)
    for fraction in FRACTIONS:
        scale = span * fraction / (CODES - 1)
        rounded = ((blocks / scale + zero).round().clamp(0, CODES - 1) - zero) * scale
        error = (rounded - blocks).square().sum(-1, keepdim=True)
        best = torch.where(error < least, rounded, best)
        least = torch.minimum(error, least)
    return best.view(rows, -1)[:, :columns].to(weight.dtype)


def add_rounded(model: AnchorDecoder) -> None:
    """Give every matrix of the layers its rounded copy; `use_rounded` says which of them is read with."""
    for module in model.modules():
        if isinstance(module, LoraLinear):
            module.rounded = round_to_nibbles(module.weight)


def use_rounded(model: AnchorDecoder, wanted: bool) -> None:
    """Read with the rounded copies, or with the weights themselves."""
    for module in model.modules():
        if isinstance(module, LoraLinear):
            module.is_rounded = wanted
