"""Draws docs/measured.png of what `npm run session` and `npm run bench -- --own` printed, kept in docs/measurements.

    .venv/bin/python test/bench/plots.py

Left: rows of keys and values over a chat of 20 turns. Right: time to the first token of a question after a session, over
anchors, over the whole text kept, and where the text is read again. Needs matplotlib (models/training/requirements.txt).
"""

from __future__ import annotations

import json
from pathlib import Path

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt  # noqa: E402  (the backend is chosen first)

DOCS = Path(__file__).parents[2] / "docs"
ANCHORS, FULL, NONE = "#2f7fd6", "#8a8f98", "#d9822b"


def draw_rows(axes: plt.Axes, session: dict) -> None:
    """Rows held when each turn's answer begins."""
    turns = [turn["turn"] for turn in session["turns"]]
    axes.plot(turns, [turn["kvRowsFull"] for turn in session["turns"]], color=FULL, label="full caching")
    axes.plot(turns, [turn["kvRows"] for turn in session["turns"]], color=ANCHORS, label="anchors")
    axes.set_title("keys and values held in a chat")
    axes.set_xlabel("turn")
    axes.set_ylabel("rows")
    axes.set_ylim(bottom=0)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.legend(frameon=False)


def draw_first_token(axes: plt.Axes, bench: dict) -> None:
    """Milliseconds to the first token, on a logarithmic scale."""
    sessions = bench["variants"]["int8"]["sessions"]
    lengths = [session["textTokens"] for session in sessions]
    for key, color, label in (("none", NONE, "no caching"), ("full", FULL, "full caching"), ("anchors", ANCHORS, "anchors")):
        axes.plot(lengths, [s["firstTokenMs"][key] for s in sessions], color=color, marker="o", label=label)
    axes.set_title("time to the first token (int8)")
    axes.set_xlabel("tokens of text in the session")
    axes.set_ylabel("ms")
    axes.set_yscale("log")
    axes.legend(frameon=False)


def main() -> None:
    """Write the picture."""
    read = {name: json.loads((DOCS / "measurements" / f"{name}.json").read_text()) for name in ("session", "bench")}
    plt.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.1))
    draw_rows(left, read["session"])
    draw_first_token(right, read["bench"])
    figure.tight_layout()
    figure.savefig(DOCS / "measured.png", dpi=130, metadata={"Software": None})


if __name__ == "__main__":
    main()
