"""Step 3b: measure an adapter on the held-out rows of samples.py.

    python evaluate.py --base WORK/base --adapter ../smollm2-135m-anchors

Each row's chunks are sealed and its answer (or continuation) is scored after them, under several readings:

    none       chunks left out                  full      chunks kept whole, plain causal attention
    CHOICE/r   chunks reduced to one token in r, chosen by stride, window or attention (scheme AC: stride; its added
               tokens are kept), r "whole": one anchor a chunk
    endpoints  scheme EP: chunks reduced to their endpoint tokens

nll and token accuracy are over scored tokens; recovery = (none - anchored) / (none - full) in nll, with a bootstrap 95%
interval over rows. Also perplexity of heldout/ without anchors, adapter against base. Writes evaluation/results.json.
"""

from __future__ import annotations

import argparse
import json
import math
import random
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F

from adapter import read_adapted, read_anchor_config
from batches import IGNORED, group_by_length, targets_of
from examples import Example
from export import write_json
from layout import Context, Rules, collate, place, place_full, run
from model import AnchorDecoder
from readings import readings
from text import Tokens

TASKS = ("repeat", "function", "value", "continue")
BUDGET = 3000


@dataclass(frozen=True)
class RowScore:
    """Sum of negative log-probabilities, right top-1 tokens, tokens scored, keys and values kept at the answer."""

    nll: float
    right: int
    tokens: int
    kept: int


def example_of(row: dict, tokens: Tokens, longest: int) -> Example:
    """A batch row as a context: chunks are raw text or exchanges, longer ones in pieces of `longest` tokens."""
    sealed = []
    for chunk in row["chunks"]:
        if isinstance(chunk, str):
            ids = tokens.text(chunk)
        else:
            ids = tokens.ask(chunk["user"]) + tokens.answer(chunk["assistant"])
        sealed += [ids[i : i + longest] for i in range(0, len(ids), longest)]
    asked = tokens.ask(row["question"]) if "question" in row else []
    live = asked + tokens.text(row["score"] if "question" in row else row["continuation"])
    context = Context(tokens.pinned(), sealed, [False] * len(sealed), live)
    return Example(row["id"], context, [len(s) for s in sealed], max(1, len(asked)))


def read_rows(path: Path) -> list[dict]:
    """The rows of a JSON Lines file."""
    if not path.is_file():
        raise SystemExit(f"{path} is missing: run samples.py")
    # Not splitlines(): U+2028 and others that it splits at may stand inside a row.
    return [json.loads(line) for line in path.read_text(encoding="utf8").split("\n") if line]


@torch.no_grad()
def score_rows(
    model: AnchorDecoder,
    examples: list[Example],
    anchors: list[list[list[int]]] | None,
    with_sealed: bool,
    rules: Rules,
) -> list[RowScore]:
    """Score examples read through `anchors`, or (None) with their chunks whole or left out."""
    found: dict[str, RowScore] = {}
    index = {example.kind: number for number, example in enumerate(examples)}
    for group in group_by_length(examples, BUDGET, random.Random(0)):
        if anchors is None:
            rows = [place_full(example.context, with_sealed) for example in group]
        else:
            rows = [place(example.context, anchors[index[example.kind]], rules) for example in group]
        hidden = run(model, collate(rows, rules, model.embedding.dtype), model.embedding.device)
        for number, (example, row) in enumerate(zip(group, rows)):
            targets = torch.tensor(targets_of(example, False, anchors is not None or with_sealed))
            asked = (targets != IGNORED).nonzero()[:, 0]
            logits = model.logits(hidden[number, asked.to(hidden.device)]).float().cpu()
            wanted = targets[asked]
            nll = F.cross_entropy(logits, wanted, reduction="sum").item()
            right = int((logits.argmax(-1) == wanted).sum())
            whole = len(row.ids) - len(example.context.live)
            kept = whole if anchors is None else len(example.context.prefix) + len(row.cache_positions)
            found[example.kind] = RowScore(nll, right, len(wanted), kept)
    return [found[example.kind] for example in examples]


def nll_of(scores: list[RowScore]) -> float:
    """Mean negative log-probability of a token."""
    return sum(s.nll for s in scores) / sum(s.tokens for s in scores)


def recovery_of(none: list[RowScore], full: list[RowScore], anchored: list[RowScore]) -> tuple[float, float, float]:
    """Recovery and its 95% bootstrap interval; the three lists are of the same rows."""

    def value(rows: list[int]) -> float:
        parts = [nll_of([scores[row] for row in rows]) for scores in (none, full, anchored)]
        return (parts[0] - parts[2]) / (parts[0] - parts[1])

    generator = random.Random(0)
    count = len(none)
    draws = sorted(value(generator.choices(range(count), k=count)) for _ in range(1000))
    return value(list(range(count))), draws[25], draws[974]


def measure_task(
    model: AnchorDecoder,
    tokens: Tokens,
    examples: list[Example],
    ratios: list[int],
    choices: dict[str, int],
    rules: Rules,
    endpoints: list[int],
) -> dict[str, dict]:
    """Every reading of one task."""
    none = score_rows(model, examples, None, False, rules)
    full = score_rows(model, examples, None, True, rules)
    found = {"none": summary(none), "full": summary(full)}
    for name, rows, anchors in readings(model, tokens, examples, ratios, choices, endpoints):
        scored = score_rows(model, rows, anchors, True, rules)
        value, low, high = recovery_of(none[: len(rows)], full[: len(rows)], scored)
        interval = {"recovery": round(value, 3), "recovery_95": [round(low, 3), round(high, 3)]}
        found[name] = summary(scored) | interval
    return found


def summary(scores: list[RowScore]) -> dict:
    """Means over scored tokens, and the mean number of kept rows of the cache."""
    count = sum(s.tokens for s in scores)
    return {
        "rows": len(scores),
        "nll": round(nll_of(scores), 4),
        "accuracy": round(sum(s.right for s in scores) / count, 4),
        "kept": round(sum(s.kept for s in scores) / len(scores), 1),
    }


def perplexity(model: AnchorDecoder, tokens: Tokens, rows: list[dict], rules: Rules) -> float:
    """exp of the mean negative log-probability of whole texts after the pinned prefix, no anchors."""
    examples = []
    for row in rows:
        context = Context(tokens.pinned(), [], [], tokens.text(row["text"]))
        examples.append(Example(str(row["id"]), context, [], 1))
    return math.exp(nll_of(score_rows(model, examples, None, True, rules)))


def load(base: Path, adapter: Path | None, dtype: torch.dtype) -> AnchorDecoder:
    """A decoder with its adapter, or the bare base (scheme select)."""
    scheme = read_anchor_config(adapter)["scheme"] if adapter else "select"
    return read_adapted(base, adapter, scheme, dtype).to("cuda" if torch.cuda.is_available() else "cpu")


def main() -> None:
    """Measure and write results.json."""
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--base", type=Path, required=True, help="WORK/base of prepare.py")
    a.add_argument("--adapter", type=Path, required=True)
    a.add_argument("--ratios", type=lambda s: [int(x) for x in s.split(",")], default=[4, 8, 16])
    a.add_argument("--rows", type=int, default=64, help="rows of each task")
    a.add_argument("--partial-rows", type=int, default=32, help="rows of each task for choices other than its own")
    a.add_argument("--untrained", action="store_true", help="measure the base with real tokens kept (scheme select)")
    a.add_argument("--threads", type=int, default=0)
    options = a.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)

    tokens, declared = Tokens(options.base / "tokenizer.json"), read_anchor_config(options.adapter)
    rules = Rules(declared["anchors_see_anchors"], declared["positions"])
    model = load(options.base, None if options.untrained else options.adapter, torch.bfloat16)
    name = "results_untrained.json" if options.untrained else "results.json"
    path = options.adapter / "evaluation" / name
    results: dict[str, object] = {}
    for task in TASKS:
        rows = read_rows(options.adapter / "evaluation" / f"{task}.jsonl")[: options.rows]
        examples = [example_of(row, tokens, declared["max_sequence_tokens"]) for row in rows]
        counts = {choice: options.partial_rows for choice in declared["choices"]}
        choices = counts | {declared["choice"]: len(rows)}
        results[task] = measure_task(
            model, tokens, examples, options.ratios, choices, rules, declared["anchor_token_ids"]
        )
        print(task, json.dumps(results[task]), flush=True)
        write_json(path, results)
    texts = {kind: read_rows(options.adapter / "heldout" / f"{kind}.jsonl") for kind in ("prose", "code")}
    base = None if options.untrained else load(options.base, None, torch.bfloat16)
    for kind, rows in texts.items():
        found = {"whole": round(perplexity(model, tokens, rows, rules), 3)}
        if base:
            found["whole_base"] = round(perplexity(base, tokens, rows, rules), 3)
        results[f"perplexity_{kind}"] = found
        print(kind, json.dumps(found), flush=True)
        write_json(path, results)


if __name__ == "__main__":
    main()
