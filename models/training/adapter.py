"""Read and write an adapter folder: PEFT's LoRA layout plus the anchor embedding.

adapter_model.safetensors      base_model.model.model.layers.{i}.{self_attn|mlp}.{projection}.lora_{A,B}.weight, float16
anchor_embedding.safetensors   anchor_embedding.weight [added or 1, hidden], float32
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from lora import Anchoring
from model import AnchorDecoder

PEFT_NAME = re.compile(r"base_model\.model\.model\.layers\.(\d+)\.(self_attn|mlp)\.(\w+_proj)\.(lora_[AB])\.weight")
OWN_NAME = re.compile(r"blocks\.(\d+)\.(\w+_proj)\.(lora_[AB])")
MLP = ("gate_proj", "up_proj", "down_proj")


def to_peft(parameters: dict[str, Tensor]) -> dict[str, Tensor]:
    """LoRA parameters under PEFT's names, float16."""
    renamed = {}
    for name, value in parameters.items():
        found = OWN_NAME.fullmatch(name)
        if found:
            layer, projection, matrix = found.groups()
            part = "mlp" if projection in MLP else "self_attn"
            key = f"base_model.model.model.layers.{layer}.{part}.{projection}.{matrix}.weight"
            renamed[key] = value.detach().to("cpu", torch.float16).contiguous()
    return renamed


def write_weights(model: AnchorDecoder, folder: Path) -> None:
    """Write the two safetensors files; schemes without an embedding or a LoRA leave out theirs."""
    folder.mkdir(parents=True, exist_ok=True)
    parameters = model.trainable()
    lora = to_peft(parameters)
    if lora:
        replace_tensors(folder / "adapter_model.safetensors", lora)
    if "anchor_embedding" in parameters:
        embedding = parameters["anchor_embedding"].detach().to("cpu", torch.float32).contiguous()
        replace_tensors(folder / "anchor_embedding.safetensors", {"anchor_embedding.weight": embedding})


def replace_tensors(path: Path, tensors: dict[str, Tensor]) -> None:
    """Write a safetensors file beside the old one, then put it in its place."""
    fresh = path.with_suffix(".new")
    try:
        save_file(tensors, fresh, metadata={"format": "pt"})
        os.replace(fresh, path)
    except (OSError, SafetensorError):
        fresh.unlink(missing_ok=True)
        raise


def read_weights(model: AnchorDecoder, folder: Path, lora_only: bool = False) -> None:
    """Copy an adapter folder into a model of the same scheme and rank. `lora_only`: into one of any scheme, whose anchor
    embedding stays as it is."""
    parameters = model.trainable()
    if lora_only:
        parameters.pop("anchor_embedding", None)
    found: dict[str, Tensor] = {}
    for key, value in load_file(folder / "adapter_model.safetensors").items():
        match = PEFT_NAME.fullmatch(key)
        if not match:
            raise SystemExit(f"{folder}/adapter_model.safetensors: unexpected tensor {key}")
        layer, _, projection, matrix = match.groups()
        found[f"blocks.{layer}.{projection}.{matrix}"] = value
    if "anchor_embedding" in parameters:
        found["anchor_embedding"] = load_file(folder / "anchor_embedding.safetensors")["anchor_embedding.weight"]
    if found.keys() != parameters.keys():
        odd = sorted(found.keys() ^ parameters.keys())[:3]
        raise SystemExit(f"{folder}: tensors do not match the model (for example {', '.join(odd)})")
    with torch.no_grad():
        for name, value in found.items():
            if value.shape != parameters[name].shape:
                shapes = f"{tuple(value.shape)}, the model has {tuple(parameters[name].shape)}"
                raise SystemExit(f"{folder}: {name} has shape {shapes}; another rank or base?")
            parameters[name].copy_(value.to(parameters[name].dtype))


def adapter_shape(folder: Path, scheme: str) -> Anchoring:
    """Rank, alpha, number of anchor embeddings and adapted matrices of an adapter folder."""
    config = json.loads((folder / "adapter_config.json").read_text(encoding="utf8"))
    with safe_open(folder / "adapter_model.safetensors", "pt") as tensors:
        found = [PEFT_NAME.fullmatch(name) for name in tensors.keys()]
    adapted = frozenset(f"{match[1]}.{match[3]}" for match in found if match)
    path = folder / "anchor_embedding.safetensors"
    added = 0
    if path.is_file():
        with safe_open(path, "pt") as tensors:
            added = tensors.get_slice("anchor_embedding.weight").get_shape()[0]
    path = folder / "anchor_config.json"
    declared = json.loads(path.read_text(encoding="utf8")) if path.is_file() else {}
    conditional = declared.get("lora_on", "all") == "anchors"
    return Anchoring(scheme, config["r"], config["lora_alpha"], added, adapted, conditional)
