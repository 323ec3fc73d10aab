"""The ways in which an adapter's scheme lets a context be read through anchors."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from batches import WHOLE, Plan, with_added
from examples import Example
from layout import choose_by_score, endpoint_anchors, stride_anchors
from model import AnchorDecoder
from score import SCORED_BY, scores_of
from text import Tokens


Reading = tuple[str, list[Example], list[list[list[int]]]]  # its name, examples, anchors per sealed sequence


def readings(
    model: AnchorDecoder,
    tokens: Tokens,
    examples: list[Example],
    ratios: list[int],
    choices: dict[str, int],
    endpoints: list[int],
) -> Iterator[Reading]:
    """The readings through anchors that the model's scheme has; `choices` with the number of examples for each. Beside
    those of a package there is `answer`, by what the answer itself attends to: an upper bound."""
    if model.anchoring.scheme == "EP":
        yield "endpoints", examples, [[endpoint_anchors(s, endpoints) for s in e.context.sealed] for e in examples]
        return
    if model.anchoring.scheme == "AC":
        for ratio in ratios:
            plan = Plan("stride", (ratio,))
            pairs = [with_added(e, plan, model.config.vocab_size, model.anchoring.added) for e in examples]
            yield f"stride/{name_of(ratio)}", [e for e, _ in pairs], [anchors for _, anchors in pairs]
        return
    known: dict[str, list[list[Tensor]]] = {}
    for choice, count in choices.items():
        source = SCORED_BY.get(choice)
        if source is not None and source not in known:
            known[source] = scores_of(model, tokens, examples, source)
        for ratio in ratios:
            if source is None:
                anchors = [[stride_anchors(len(s), ratio) for s in e.context.sealed] for e in examples[:count]]
            else:
                scored = known[source][:count]
                anchors = [[choose_by_score(scores, ratio, choice) for scores in row] for row in scored]
            yield f"{choice}/{name_of(ratio)}", examples[:count], anchors


def name_of(ratio: int) -> str:
    """A ratio as tables name it."""
    return "whole" if ratio == WHOLE else str(ratio)
