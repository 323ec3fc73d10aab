"""The ways in which an adapter's scheme lets a context be read through anchors."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from batches import WHOLE, Plan, with_added
from examples import Example
from layout import choose_by_score, endpoint_anchors, stride_anchors
from model import AnchorDecoder
from score import answer_attention, score_sequences
from scorer import learned_scores
from text import Tokens


def choose(scores: Tensor, ratio: int, choice: str) -> list[int]:
    """Anchors of one sequence of len(scores) tokens."""
    return stride_anchors(len(scores), ratio) if choice == "stride" else choose_by_score(scores, ratio, choice)


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
    flat = [sequence for example in examples for sequence in example.context.sealed]
    prefix = examples[0].context.prefix
    repeated = by_example(score_sequences(model, tokens, prefix, flat), examples)
    learned = by_example(learned_scores(model, prefix, flat), examples) if "learned" in choices else []
    sources = {"learned": learned}
    if "answer" in choices:
        sources["answer"] = [answer_attention(model, e.context, e.live_loss_from) for e in examples]
    for choice, count in choices.items():
        scored = sources.get(choice, repeated)
        for ratio in ratios:
            anchors = [[choose(scores, ratio, choice) for scores in row] for row in scored[:count]]
            yield f"{choice}/{name_of(ratio)}", examples[:count], anchors


def by_example(scores: list[Tensor], examples: list[Example]) -> list[list[Tensor]]:
    """Scores of all sequences in turn, as lists of every example's."""
    flat = iter(scores)
    return [[next(flat) for _ in example.context.sealed] for example in examples]


def name_of(ratio: int) -> str:
    """A ratio as tables name it."""
    return "whole" if ratio == WHOLE else str(ratio)
