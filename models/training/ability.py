"""Step 3c: does the decoder still know what it knew? Multiple choice without anchors, base against adapter.

    python ability.py --base WORK/base --adapter ../smollm2-135m-anchors --data CORPORA --rows 300

0-shot, in the manner of lm-evaluation-harness: the log-probability of each choice after "Question: ...\\nAnswer:"
(acc), and the same divided by the choice's length in characters (acc_norm). CORPORA/eval/NAME.jsonl.xz holds rows
{question, choices, answer}. Writes evaluation/ability.json.
"""

from __future__ import annotations

import argparse
import os
from itertools import islice
from pathlib import Path

import torch

from evaluate import load, score_rows
from examples import Example
from export import write_json
from layout import Context, Rules
from model import AnchorDecoder
from overlap import read_packed
from text import Tokens

SETS = ("arc_easy", "piqa")


def examples_of(rows: list[dict], tokens: Tokens) -> list[Example]:
    """One example for each choice of each row; its kind is `row/choice`."""
    made = []
    for number, row in enumerate(rows):
        asked = tokens.text(f"Question: {row['question']}\nAnswer:")
        for index, choice in enumerate(row["choices"]):
            context = Context([], [], [], asked + tokens.text(f" {choice}"))
            made.append(Example(f"{number}/{index}", context, [], len(asked)))
    return made


def accuracy(model: AnchorDecoder, rows: list[dict], tokens: Tokens) -> dict[str, float]:
    """acc and acc_norm in percent."""
    examples = examples_of(rows, tokens)
    scores = dict(zip((e.kind for e in examples), score_rows(model, examples, None, True, Rules())))
    right = right_norm = 0
    for number, row in enumerate(rows):
        logs = [-scores[f"{number}/{index}"].nll for index in range(len(row["choices"]))]
        norms = [log / len(choice) for log, choice in zip(logs, row["choices"])]
        right += logs.index(max(logs)) == row["answer"]
        right_norm += norms.index(max(norms)) == row["answer"]
    return {"acc": round(100 * right / len(rows), 1), "acc_norm": round(100 * right_norm / len(rows), 1)}


def main() -> None:
    """Measure both and write ability.json."""
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--base", type=Path, required=True)
    a.add_argument("--adapter", type=Path, required=True)
    data = os.environ.get("ANCHORAGE_DATA")
    a.add_argument("--data", type=Path, default=data, required=data is None)
    a.add_argument("--rows", type=int, default=300)
    options = a.parse_args()

    tokens = Tokens(options.base / "tokenizer.json")
    base, model = (load(options.base, folder, torch.bfloat16) for folder in (None, options.adapter))
    found: dict[str, dict] = {}
    for name in SETS:
        rows = list(islice(read_packed(Path(options.data) / "eval" / f"{name}.jsonl.xz"), options.rows))
        scores = {"base": accuracy(base, rows, tokens), "adapter": accuracy(model, rows, tokens)}
        found[name] = {"rows": len(rows), **scores}
        print(name, found[name], flush=True)
    write_json(options.adapter / "evaluation" / "ability.json", found)


if __name__ == "__main__":
    main()
