"""What a batch's tokens weigh."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from batches import IGNORED

DEPENDENCE_CAP = 4.0  # nats


def row_losses(losses: Tensor, targets: Tensor) -> tuple[Tensor, list[float]]:
    """The batch's loss from per-token losses [B, T]: row means weighted by the square root of their lengths, so
    that three tokens of a value count beside three hundred of a continuation. Also the row means."""
    asked = targets != IGNORED
    counts = asked.sum(1).clamp(min=1)
    means = (losses * asked).sum(1) / counts
    weights = counts.float().sqrt() * asked.any(1)
    return (means * weights).sum() / weights.sum(), means.tolist()


def log_probability(logits: Tensor, targets: Tensor) -> Tensor:
    """log p of targets [N] under logits [N, V]."""
    return -F.cross_entropy(logits.float(), targets, reduction="none")


def dependence(with_context: Tensor, without: Tensor) -> Tensor:
    """Weights [N] of tokens: 1, and as much more as the context raises the base's log-probability of the token
    (nats, at most DEPENDENCE_CAP). What the anchors are there for counts up to five times."""
    return 1 + (with_context - without).clamp(0, DEPENDENCE_CAP)


def divergence(logits: Tensor, wanted: Tensor) -> Tensor:
    """KL(wanted || softmax(logits)) per token [N]; `wanted` [N, V] are log-probabilities."""
    found = logits.float().log_softmax(-1)
    return F.kl_div(found, wanted, reduction="none", log_target=True).sum(-1)


def weighted_mean(values: Tensor, weights: Tensor) -> Tensor:
    """Sum of weighted values over the sum of weights."""
    return (values * weights).sum() / torch.clamp(weights.sum(), min=1e-6)
