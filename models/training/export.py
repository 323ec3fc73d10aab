"""Step 4: write the adapter folder that the converter reads and that PEFT loads.

    python export.py --run RUN --base-file SmolLM2-135M-Instruct.Q4_1.gguf --out ../smollm2-135m-anchors

Copies RUN/adapter's weights (adapter.py has the names) and writes adapter_config.json (a PEFT LoraConfig) and
anchor_config.json (how a package of this adapter is to be read).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
from pathlib import Path

from safetensors import safe_open

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


def anchor_config(scheme: str, base_name: str, base_file: Path) -> dict:
    """Scheme, choice, ratios, mask and positions; the file of the decoder the adapter was trained on."""
    return {
        "format_version": 1,
        "scheme": scheme,
        "anchor_token_ids": [],
        "choice": "window",
        "choices": ["stride", "window", "attention"],
        "ratio": 8,
        "ratios": [2, 4, 8, 16],
        "anchors_see_anchors": True,
        "positions": "cache",
        "independent_chunks": True,
        "max_sequence_tokens": 256,
        "base": {"name": base_name, "sha256": sha256(base_file)},
    }


def write_json(path: Path, value: dict) -> None:
    """Indented JSON with a newline at its end."""
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf8")


def main() -> None:
    """Export one run of scheme mark under the default rules of train.py."""
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
    write_json(options.out / "anchor_config.json", anchor_config("mark", options.base_name, options.base_file))


if __name__ == "__main__":
    main()
