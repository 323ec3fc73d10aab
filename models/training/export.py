"""Step 4: write the adapter folder that the converter reads and that PEFT loads.

    python export.py --run RUN --base-file SmolLM2-135M-Instruct.Q4_1.gguf --out ../smollm2-135m-anchors

Copies RUN/adapter's weights (adapter.py has the names) and writes adapter_config.json (a PEFT LoraConfig) and
anchor_config.json (how a package of this adapter is to be read: the rules that RUN/options.json says it learned).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
from pathlib import Path

from safetensors import safe_open

from examples import LONGEST_SEQUENCE

PROJECTIONS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def sha256(path: Path) -> str:
    """Hex SHA-256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def lora_config(rank: int, hub: str) -> dict:
    """The fields of peft.LoraConfig that differ from its defaults, and those that other readers expect."""
    return {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": hub,
        "r": rank,
        "lora_alpha": rank,
        "lora_dropout": 0.0,
        "bias": "none",
        "target_modules": PROJECTIONS,
        "fan_in_fan_out": False,
        "inference_mode": True,
    }


def anchor_config(learned: dict, added_ids: list[int], base_name: str, base_file: Path) -> dict:
    """How packages of the adapter are read. `learned` has train.py's scheme, ratios, strict and positions.

    Added tokens are chosen by their place alone, so scheme AC has the one choice stride.
    """
    choices = ["stride"] if learned["scheme"] == "AC" else ["stride", "window", "attention"]
    return {
        "format_version": 1,
        "scheme": learned["scheme"],
        "anchor_token_ids": added_ids,
        "choice": "window" if "window" in choices else "stride",
        "choices": choices,
        "ratio": 8 if 8 in learned["ratios"] else learned["ratios"][0],
        "ratios": learned["ratios"],
        "anchors_see_anchors": not learned["strict"],
        "positions": learned["positions"],
        "independent_chunks": learned["positions"] == "cache",
        "max_sequence_tokens": LONGEST_SEQUENCE,
        "base": {"name": base_name, "sha256": sha256(base_file)},
    }


def write_json(path: Path, value: dict) -> None:
    """Indented JSON with a newline at its end."""
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf8")


def main() -> None:
    """Export one run."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--run", type=Path, required=True)
    arguments.add_argument("--base-file", type=Path, required=True, help="the GGUF file the run started from")
    arguments.add_argument("--base-name", default="SmolLM2-135M-Instruct")
    arguments.add_argument("--hub", default="HuggingFaceTB/SmolLM2-135M-Instruct")
    arguments.add_argument("--out", type=Path, required=True)
    options = arguments.parse_args()

    source = options.run / "adapter"
    options.out.mkdir(parents=True, exist_ok=True)
    for name in ("adapter_model.safetensors", "anchor_embedding.safetensors"):
        if not (source / name).is_file():
            raise SystemExit(f"{source / name} is missing: has the run saved a checkpoint yet?")
        if (source / name).resolve() != (options.out / name).resolve():
            shutil.copyfile(source / name, options.out / name)
    with safe_open(options.out / "adapter_model.safetensors", "pt") as tensors:
        first = next(name for name in tensors.keys() if ".lora_A." in name)
        rank = tensors.get_slice(first).get_shape()[0]
    write_json(options.out / "adapter_config.json", lora_config(rank, options.hub))
    learned = json.loads((options.run / "options.json").read_text(encoding="utf8"))
    added_ids = [learned["vocab_size"]] if learned["scheme"] == "AC" else []
    anchors = anchor_config(learned, added_ids, options.base_name, options.base_file)
    write_json(options.out / "anchor_config.json", anchors)


if __name__ == "__main__":
    main()
