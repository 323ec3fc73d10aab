"""The reference that other implementations are compared with: one masked float32 forward, no cache, no reduction.

Reads a JSON object a line from stdin and answers each with one line on stdout, in order.

    {"op": "forward", "id": 1, "model": {"base": FOLDER or FILE.gguf, "adapter": FOLDER or null},
     "scheme": "mark" | "select" | "AC" | "EP", "positions": "cache" | "absolute", "anchors_see_anchors": true,
     "prefix": [ids], "sequences": [{"ids": [ids], "anchors": [indices], "independent": false}],
     "live": [ids], "asked": [indices into live]}                                  asked left out: all of live
 -> {"id": 1, "shape": [N, V], "logits": "base64 of N * V little-endian float32"}

    {"op": "score", "id": 2, "model": {...}, "by": "repeating" | "scorer", "prefix": [ids], "sequence": [ids],
     "repeat": [ids]}
 -> {"id": 2, "scores": [n numbers]}

Ids and anchors are explicit, so both sides run the same layout. AC: `<AC>` ids (vocabulary and up) stand in `ids`.
A request that cannot be answered gives {"id", "error"}; the process goes on.
"""

from __future__ import annotations

import base64
import json
import sys
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from adapter import read_adapted
from layout import Context, Rules, collate, place, run
from model import AnchorDecoder
from score import score_group
from scorer import learned_scores


@lru_cache(maxsize=4)
def load(base: str, adapter: str | None, scheme: str) -> AnchorDecoder:
    """The decoder in float32, its adapter beside it."""
    return read_adapted(Path(base), Path(adapter) if adapter else None, scheme, torch.float32)


def forward(model: AnchorDecoder, request: dict) -> Tensor:
    """Logits [N, V] of the asked live tokens."""
    sequences = request["sequences"]
    context = Context(
        request["prefix"],
        [sequence["ids"] for sequence in sequences],
        [sequence.get("independent", False) for sequence in sequences],
        request["live"],
    )
    rules = Rules(request["anchors_see_anchors"], request["positions"])
    placed = place(context, [sequence["anchors"] for sequence in sequences], rules)
    if max(placed.ids) >= model.config.vocab_size + model.anchoring.added or min(placed.ids) < 0:
        raise ValueError("a token id lies outside the vocabulary")
    hidden = run(model, collate([placed], rules, torch.float32, round_to=1))[0]
    start = len(placed.ids) - len(context.live)
    asked = request.get("asked", list(range(len(context.live))))
    return model.logits(hidden[[start + index for index in asked]])


def answer(request: dict) -> dict:
    """One response."""
    spec = request["model"]
    model = load(spec["base"], spec.get("adapter"), request.get("scheme", "mark"))
    if request.get("op", "forward") == "score":
        prefix, sequence = request["prefix"], request["sequence"]
        if request["by"] == "scorer":
            scores = learned_scores(model, prefix, [sequence])[0]
        else:
            scores = score_group(model, request["repeat"], prefix, [sequence])[0]
        return {"id": request.get("id"), "scores": scores.tolist()}
    logits = forward(model, request)
    data = base64.b64encode(logits.contiguous().numpy().astype("<f4").tobytes()).decode("ascii")
    return {"id": request.get("id"), "shape": list(logits.shape), "logits": data}


@torch.no_grad()
def main() -> None:
    """Answer until stdin ends."""
    for line in sys.stdin:
        if not line.strip():
            continue
        request = {}
        try:
            request = json.loads(line)
            response = answer(request)
        except (Exception, SystemExit) as error:  # a parity client reads the reason; only EOF ends the process
            response = {"id": request.get("id"), "error": f"{type(error).__name__}: {error}"}
        print(json.dumps(response), flush=True)


if __name__ == "__main__":
    main()
