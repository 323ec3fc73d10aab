"""Step 5: tables and plots of a measured adapter, for its model card.

    python report.py --adapter ../smollm2-135m-anchors --log RUN/log.jsonl [NEXT/log.jsonl]

Draws evaluation/loss.svg (validation and training loss against tokens). Where evaluate.py has written
evaluation/results.json, prints Markdown tables of it and draws evaluation/recovery.svg (cache kept against nll
recovered). Needs matplotlib.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "anchorage", "font.size": 10})

import matplotlib.pyplot as plt  # noqa: E402  (the backend is chosen first)

from adapter import read_anchor_config  # noqa: E402

TASKS = ("repeat", "function", "value", "continue")
KINDS = ("repeat", "function", "value", "turns", "dialogue", "continue", "session", "explain")


def table(results: dict) -> str:
    """nll (token accuracy), and recovery with its interval, for every reading of every task."""
    readings = list(results[TASKS[0]])
    lines = ["| reading | " + " | ".join(TASKS) + " |", "|---" * (len(TASKS) + 1) + "|"]
    for reading in readings:
        cells = []
        for task in TASKS:
            r = results[task][reading]
            cell = f"{r['nll']:.2f} ({r['accuracy']:.2f})"
            if "recovery" in r:
                low, high = r["recovery_95"]
                cell += f" · {r['recovery']:.2f} [{low:.2f}, {high:.2f}]"
            cells.append(cell)
        lines.append(f"| {reading} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def kept_table(results: dict, choice: str) -> str:
    """Mean keys and values kept when the answer begins, the pinned prefix included."""
    readings = ["full", *(name for name in results[TASKS[0]] if name.startswith(f"{choice}/"))]
    lines = ["| kept rows | " + " | ".join(TASKS) + " |", "|---" * (len(TASKS) + 1) + "|"]
    for reading in readings:
        lines.append(f"| {reading} | " + " | ".join(f"{results[task][reading]['kept']:.0f}" for task in TASKS) + " |")
    return "\n".join(lines)


def draw_recovery(results: dict, choice: str, path: Path) -> None:
    """Recovery under a choice of anchors against the share of the context's keys and values that is kept."""
    figure, axes = plt.subplots(figsize=(6.4, 3.8))
    for task in TASKS:
        points = []
        for reading, r in results[task].items():
            if reading.startswith(f"{choice}/"):
                prefix = results[task]["none"]["kept"]
                share = (r["kept"] - prefix) / (results[task]["full"]["kept"] - prefix)
                points.append((100 * share, r["recovery"], *r["recovery_95"]))
        shares, values, lows, highs = zip(*sorted(points))
        spread = [[v - low for v, low in zip(values, lows)], [high - v for v, high in zip(values, highs)]]
        axes.errorbar(shares, values, yerr=spread, marker="o", capsize=3, label=task)
    axes.axhline(1, color="grey", linewidth=0.8, linestyle="--")
    axes.set_xlabel("keys and values kept of the sealed text, %")
    axes.set_ylabel("recovery (0: left out, 1: kept whole)")
    axes.set_ylim(bottom=min(0, axes.get_ylim()[0]))
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def one_after_another(log: list[dict]) -> tuple[list[dict], list[int]]:
    """The lines of runs in a row with their tokens counted on, and where the later runs begin."""
    lines, starts, before, last = [], [], 0, 0
    for line in log:
        if line["tokens"] < last:
            before += last
            starts.append(before)
        last = line["tokens"]
        lines.append({**line, "tokens": before + last})
    return lines, starts


def draw_loss(log: list[dict], path: Path) -> None:
    """Training loss per task, averaged over five reported lines; points: validation; dashed: another run begins."""
    figure, axes = plt.subplots(figsize=(6.4, 3.8))
    log, starts = one_after_another(log)
    for start in starts:
        axes.axvline(start / 1e6, color="grey", linewidth=0.8, linestyle="--")
    for color, kind in enumerate(KINDS):
        seen = [(line["tokens"] / 1e6, line["loss"][kind]) for line in log if kind in line["loss"]]
        smooth = [
            (seen[i][0], sum(value for _, value in seen[max(0, i - 4) : i + 1]) / len(seen[max(0, i - 4) : i + 1]))
            for i in range(len(seen))
        ]
        axes.plot(*zip(*smooth), color=f"C{color}", label=kind)
        valid = [(line["tokens"] / 1e6, line["valid"][kind]) for line in log if kind in line.get("valid", {})]
        if valid:
            axes.plot(*zip(*valid), color=f"C{color}", marker="x", linestyle="none")
    axes.set_xlabel("training tokens, millions (dashed: another run)")
    axes.set_ylabel("nll of asked tokens (x: validation, window/8)")
    axes.legend(ncols=2, fontsize=8)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def main() -> None:
    """Print the tables and draw the plots."""
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--adapter", type=Path, required=True)
    a.add_argument(
        "--log", type=Path, nargs="+", help="log.jsonl of a run, or of several in a row; evaluation/training_log.jsonl"
    )
    options = a.parse_args()

    folder = options.adapter / "evaluation"
    kept_log = folder / "training_log.jsonl"
    if options.log:
        kept_log.write_text("".join([path.read_text(encoding="utf8") for path in options.log]), encoding="utf8")
    if (folder / "results.json").is_file():
        results = json.loads((folder / "results.json").read_text(encoding="utf8"))
        choice = read_anchor_config(options.adapter)["choice"]
        print(table(results), kept_table(results, choice), sep="\n\n")
        draw_recovery(results, choice, folder / "recovery.svg")
    draw_loss([json.loads(line) for line in kept_log.read_text(encoding="utf8").splitlines()], folder / "loss.svg")


if __name__ == "__main__":
    main()
