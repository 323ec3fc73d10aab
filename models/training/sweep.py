"""Short runs side by side: same tokens, same seed, same evaluation rows. Stopped, it goes on where it was.

    python sweep.py --work WORK --out DIR [--table sweep.json] [--only NAME,NAME] [--choices NAME ...]
        [--beside ADAPTER] [--show]

The table is a JSON list of {name, options, ratios}: `options` go to train.py, `ratios` are what the adapter is measured
at. DIR/NAME is the run, DIR/NAME/result.json its figures; what has a result is not run again. `--beside` measures a
finished adapter on the same rows. At the end, and alone with --show, it prints the Markdown table of EXPERIMENTS.md:
nats a token of the answer (the lower the better), and recovery.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
from pathlib import Path

import torch

from adapter import read_anchor_config, read_weights
from base import read_decoder
from batches import WHOLE
from corpus import Corpus
from evaluate import load, measure_task
from examples import Example
from export import write_json
from layout import Rules
from lora import Anchoring, adapted_matrices
from model import AnchorDecoder, DecoderConfig
from options import parser, ratio_list
from tasks import Tasks
from text import Tokens

TASKS = ("repeat", "value", "explain", "turns", "session", "continue")
CHOICES = ("learned", "window", "attention", "answer")
LONGEST = 600  # tokens of a measured context


def evaluation_rows(work: Path, tokens: Tokens, count: int) -> dict[str, list[Example]]:
    """The first `count` validation examples of every task that a fixed generator draws; loss on the live answer."""
    corpus, found = Corpus(work, "valid"), {}
    for kind in TASKS:
        tasks = Tasks(corpus, tokens, random.Random(11))
        tasks.limit = LONGEST
        rows: list[Example] = []
        while len(rows) < count:
            drawn = tasks.draw(kind)
            if drawn.size <= LONGEST and drawn.context.sealed:
                sealed = [len(s) for s in drawn.context.sealed]
                rows.append(Example(f"{kind}-{len(rows)}", drawn.context, sealed, drawn.live_loss_from))
        found[kind] = rows
    return found


@torch.no_grad()
def measure(
    model: AnchorDecoder,
    rules: Rules,
    ratios: list[int],
    endpoints: list[int],
    asked: list[str],
    rows: dict[str, list],
    tokens: Tokens,
) -> dict[str, dict]:
    """Every task under every reading of one adapter; `asked` are the choices of anchors."""
    count = max(map(len, rows.values()))
    scored = [choice for choice in asked if choice != "learned" or model.scorer is not None]
    choices = dict.fromkeys(scored, count) if model.anchoring.scheme == "mark" else {}
    return {
        kind: measure_task(model, tokens, examples, ratios, choices, rules, endpoints)
        for kind, examples in rows.items()
    }


def measure_run(options: argparse.Namespace, run: Path, entry: dict, rows: dict[str, list], tokens: Tokens) -> dict:
    """The figures of a finished run."""
    learned = json.loads((run / "options.json").read_text(encoding="utf8"))
    trained = parser("").parse_args(["--work", str(options.work), "--out", str(run), *entry["options"]])
    config, weights = read_decoder(options.work / "base")
    adapted = adapted_matrices(trained.layers, config["num_hidden_layers"])
    added = trained.added if trained.scheme == "AC" else 0
    anchoring = Anchoring(trained.scheme, trained.rank, trained.rank, added, adapted, trained.conditional)
    model = AnchorDecoder(DecoderConfig.of(config), weights, anchoring, torch.bfloat16).eval()
    read_weights(model, run / "adapter")
    rules, ratios = Rules(not trained.strict, trained.positions), ratio_list(entry.get("ratios", "8,whole"))
    measured = measure(model, rules, ratios, learned["anchor_token_ids"], options.choices, rows, tokens)
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text(encoding="utf8").split("\n") if line]
    return {"tokens": lines[-1]["tokens"], "steps": lines[-1]["step"], "minutes": lines[-1]["minutes"], **measured}


def measure_adapter(options: argparse.Namespace, rows: dict[str, list], tokens: Tokens) -> dict:
    """The figures of an adapter (scheme mark) that was trained elsewhere: `--beside`."""
    base, adapter = options.work / "base", options.beside
    model, declared = load(base, adapter, torch.bfloat16), read_anchor_config(adapter)
    rules = Rules(declared["anchors_see_anchors"], declared["positions"])
    return {"tokens": None, "steps": None, **measure(model, rules, [8, WHOLE], [], options.choices, rows, tokens)}


def table(entries: list[dict], folder: Path) -> str:
    """Markdown: a row for every reading of every run that has a result."""
    head = ["run", "tokens", "steps", "read", "kept", *TASKS]
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    for entry in entries:
        path = folder / entry["name"] / "result.json"
        if not path.is_file():
            continue
        result = json.loads(path.read_text(encoding="utf8"))
        for reading in result[TASKS[0]]:
            kept = sum(result[kind][reading]["kept"] for kind in TASKS) / len(TASKS)
            counts = ["", ""] if result["tokens"] is None else [f"{result['tokens'] / 1000:.0f}k", str(result["steps"])]
            run = [entry["name"], *counts]
            cells = [*(run if reading == "none" else ["", "", ""]), reading, f"{kept:.0f}"]
            for kind in TASKS:
                found = result[kind][reading]
                part = f" ({found['recovery']:.2f})" if "recovery" in found else ""
                cells.append(f"{found['nll']:.2f}{part}")
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Train and measure what has no result yet; print the table."""
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--work", type=Path, required=True, help="folder made by prepare.py")
    a.add_argument("--out", type=Path, required=True)
    a.add_argument("--table", type=Path, default=Path(__file__).parent / "sweep.json")
    a.add_argument("--only", type=lambda text: text.split(","), help="names of the table's runs, in the order to take")
    a.add_argument("--tokens", default="150e3", help="text tokens of every run")
    a.add_argument("--rows", type=int, default=24, help="rows of each task")
    a.add_argument("--choices", nargs="+", choices=CHOICES, default=CHOICES, help="of anchors (mark)")
    a.add_argument("--beside", type=Path, help="adapter folder (scheme mark) to measure on the same rows")
    a.add_argument("--show", action="store_true", help="print the table of what is there")
    options = a.parse_args()

    entries = json.loads(options.table.read_text(encoding="utf8"))
    by_name = {entry["name"]: entry for entry in entries}
    unknown = [name for name in options.only or [] if name not in by_name]
    if unknown:
        raise SystemExit(f"{options.table} has no run {', '.join(unknown)}")
    wanted = [] if options.show else [by_name[name] for name in options.only or by_name]
    tokens = Tokens(options.work / "base" / "tokenizer.json")
    for entry in wanted:
        run = options.out / entry["name"]
        if (run / "result.json").is_file():
            continue
        script = str(Path(__file__).parent / "train.py")
        paths = ["--work", str(options.work), "--out", str(run), "--tokens", options.tokens]
        usual = ["--longest", "1024", "--budget", "1200", "--warm-up", "15", "--eval-minutes", "inf"]
        subprocess.run([sys.executable, script, *paths, *usual, *entry["options"]], check=True)
        rows = evaluation_rows(options.work, tokens, options.rows)
        write_json(run / "result.json", measure_run(options, run, entry, rows, tokens))
    if options.beside:
        entries.append({"name": options.beside.resolve().name})
        path = options.out / entries[-1]["name"] / "result.json"
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            rows = evaluation_rows(options.work, tokens, options.rows)
            write_json(path, measure_adapter(options, rows, tokens))
    print(table(entries, options.out))


if __name__ == "__main__":
    main()
