"""Step 4: write the adapter folder that the converter reads and that PEFT loads.

    python export.py --run RUN --base-file SmolLM2-135M-Instruct.Q4_1.gguf --out ../smollm2-135m-anchors

Copies RUN/adapter's weights (adapter.py has the names) and writes adapter_config.json (a PEFT LoraConfig) and
anchor_config.json (how a package of this adapter is to be read: the rules that RUN/options.json says it learned).
A conditional LoRA is exported to OUT/anchors: packages have it beside the matrices, as it cannot be merged. `--over
ADAPTER`: the run's base had that adapter merged in (merge.py), so its LoRA is exported too.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from safetensors import safe_open

from adapter import EMBEDDING, PEFT_NAME, WEIGHTS, lora_folder, read_anchor_config
from batches import WHOLE
from lora import PROJECTIONS
from scorer import SCORER

FIRST_LONGEST_SEQUENCE = 256  # tokens, of runs whose options.json does not say it


def sha256(path: Path) -> str:
    """Hex SHA-256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def lora_config(rank: int, hub: str, projections: Sequence[str] = PROJECTIONS, layers: Sequence[int] = ()) -> dict:
    """The fields of peft.LoraConfig that differ from its defaults, and those that other readers expect. `layers` are
    named where the first ones have no LoRA."""
    some = {"layers_to_transform": list(layers)} if layers and layers[0] > 0 else {}
    return {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": hub,
        "r": rank,
        "lora_alpha": rank,
        "lora_dropout": 0.0,
        "bias": "none",
        "target_modules": list(projections),
        **some,
        "fan_in_fan_out": False,
        "inference_mode": True,
    }


def anchor_config(learned: dict, added_ids: list[int], base_name: str, base_file: Path, scorer: bool = False) -> dict:
    """How packages of the adapter are read. `learned` has train.py's scheme, ratios, strict and positions; `added_ids`
    the added tokens of AC or the endpoints of EP; `scorer`: whether the adapter has one.

    Both are found by their place or their id, so these schemes have the one choice stride. One anchor for a whole
    sequence is offered where nothing else was learned.
    """
    choices = ["stride", "window", "attention"] if learned["scheme"] == "mark" else ["stride"]
    choices += ["learned"] if scorer else []
    ratios = sorted({ratio for ratio in learned["ratios"] if ratio != WHOLE}) or [WHOLE]
    return {
        "format_version": 1,
        "scheme": learned["scheme"],
        "anchor_token_ids": added_ids,
        "choice": "learned" if scorer else "attention" if "attention" in choices else "stride",
        "choices": choices,
        "ratio": 8 if 8 in ratios else ratios[0],
        "ratios": ratios,
        "anchors_see_anchors": not learned["strict"],
        "positions": learned["positions"],
        "independent_chunks": learned["positions"] == "cache",
        "max_sequence_tokens": learned.get("max_sequence_tokens", FIRST_LONGEST_SEQUENCE),
        "base": {"name": base_name, "sha256": sha256(base_file)},
    }


def lora_shape(path: Path) -> tuple[int, list[str], list[int]]:
    """Rank, projections and layers of an adapter's LoRA."""
    with safe_open(path, "pt") as tensors:
        names = list(tensors.keys())
        rank = tensors.get_slice(next(name for name in names if ".lora_A." in name)).get_shape()[0]
    found = [match for match in map(PEFT_NAME.fullmatch, names) if match]
    projections = {match[3] for match in found}
    return rank, [name for name in PROJECTIONS if name in projections], sorted({int(match[1]) for match in found})


def write_json(path: Path, value: dict) -> None:
    """Indented JSON with a newline at its end."""
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf8")


def copy(source: Path, target: Path) -> None:
    """Copy a file of an adapter, unless it is there already."""
    if not source.is_file():
        raise SystemExit(f"{source} is missing: has the run saved a checkpoint yet?")
    if source.resolve() != target.resolve():
        shutil.copyfile(source, target)


def main(arguments: list[str] | None = None) -> None:
    """Export one run."""
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--run", type=Path, required=True)
    a.add_argument("--base-file", type=Path, required=True, help="the GGUF file the run started from")
    a.add_argument("--base-name", default="SmolLM2-135M-Instruct")
    a.add_argument("--hub", default="HuggingFaceTB/SmolLM2-135M-Instruct")
    a.add_argument("--over", type=Path, help="adapter folder that was merged into the run's base")
    a.add_argument("--longest-sequence", type=int, help="tokens that packages read at once, if fewer than it learned")
    a.add_argument("--out", type=Path, required=True)
    options = a.parse_args(arguments)

    learned = json.loads((options.run / "options.json").read_text(encoding="utf8"))
    inner = lora_folder(Path(), learned.get("lora_on", "all") == "anchors")
    if options.over and inner == Path():
        raise SystemExit(f"--over is for a LoRA on anchors alone; {options.run} trained one for all tokens")
    (options.out / inner).mkdir(parents=True, exist_ok=True)
    if options.over:
        under = read_anchor_config(options.over)
        learned["max_sequence_tokens"] = min(learned["max_sequence_tokens"], under["max_sequence_tokens"])
        scorer = (SCORER,) if (options.over / SCORER).is_file() else ()
        for name in ("adapter_config.json", WEIGHTS, *scorer):
            copy(options.over / name, options.out / name)
    if options.longest_sequence:
        longest = learned.get("max_sequence_tokens", FIRST_LONGEST_SEQUENCE)
        if not 1 <= options.longest_sequence <= longest:
            raise SystemExit(f"--longest-sequence {options.longest_sequence}: {options.run} learned 1 to {longest}")
        learned["max_sequence_tokens"] = options.longest_sequence
    copy(options.run / "adapter" / inner / WEIGHTS, options.out / inner / WEIGHTS)
    if learned["scheme"] != "EP":
        copy(options.run / "adapter" / EMBEDDING, options.out / EMBEDDING)
    rank, projections, layers = lora_shape(options.out / inner / WEIGHTS)
    write_json(options.out / inner / "adapter_config.json", lora_config(rank, options.hub, projections, layers))
    ids = learned.get("anchor_token_ids", [learned["vocab_size"]] if learned["scheme"] == "AC" else [])
    has_scorer = learned["scheme"] == "mark" and (options.out / SCORER).is_file()
    anchors = anchor_config(learned, ids, options.base_name, options.base_file, has_scorer)
    write_json(options.out / "anchor_config.json", anchors)


if __name__ == "__main__":
    main()
