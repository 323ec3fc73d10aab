"""Read and write an adapter folder: one LoRA or two in PEFT's layout, and the anchor embedding.

adapter_model.safetensors      base_model.model.model.layers.{i}.{self_attn|mlp}.{projection}.lora_{A,B}.weight, float16
anchors/                       the same for a LoRA on anchors alone, over the decoder that has the other one merged in
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

from base import read_decoder
from lora import Anchoring
from model import AnchorDecoder, DecoderConfig
from scorer import read_scorer

PEFT_NAME = re.compile(r"base_model\.model\.model\.layers\.(\d+)\.(self_attn|mlp)\.(\w+_proj)\.(lora_[AB])\.weight")
OWN_NAME = re.compile(r"blocks\.(\d+)\.(\w+_proj)\.(lora_[AB])")
PEFT_PREFIX = "base_model.model."
MLP = ("gate_proj", "up_proj", "down_proj")
WEIGHTS = "adapter_model.safetensors"
EMBEDDING = "anchor_embedding.safetensors"


def lora_folder(folder: Path, conditional: bool) -> Path:
    """Where an adapter folder has the LoRA for all tokens, or that for anchors alone."""
    return folder / "anchors" if conditional else folder


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
    inner = lora_folder(folder, model.anchoring.conditional)
    inner.mkdir(parents=True, exist_ok=True)
    parameters = model.trainable()
    lora = to_peft(parameters)
    if lora:
        replace_tensors(inner / WEIGHTS, lora)
    if "anchor_embedding" in parameters:
        embedding = parameters["anchor_embedding"].detach().to("cpu", torch.float32).contiguous()
        replace_tensors(folder / EMBEDDING, {"anchor_embedding.weight": embedding})


def replace_tensors(path: Path, tensors: dict[str, Tensor]) -> None:
    """Write a safetensors file beside the old one, then put it in its place."""
    fresh = path.with_suffix(".new")
    try:
        save_file(tensors, fresh, metadata={"format": "pt"})
        os.replace(fresh, path)
    except (OSError, SafetensorError):
        fresh.unlink(missing_ok=True)
        raise


def read_weights(model: AnchorDecoder, folder: Path, part: str = "all") -> None:
    """Copy an adapter folder into a model of the same scheme and rank. `part` embedding: the anchor embedding alone;
    lora: of the LoRA for such tokens, or of the only one, the matrices that the model has. The rest stays as it is."""
    parameters, found = model.trainable(), {}
    if part == "embedding":
        parameters = {name: value for name, value in parameters.items() if name == "anchor_embedding"}
    elif part == "lora":
        parameters.pop("anchor_embedding", None)
        own = lora_folder(folder, model.anchoring.conditional)
        other = lora_folder(folder, not model.anchoring.conditional)
        lora = read_lora(own if (own / WEIGHTS).is_file() else other)
        found = {name: value for name, value in lora.items() if name in parameters}
    else:
        found = read_lora(lora_folder(folder, model.anchoring.conditional))
    if "anchor_embedding" in parameters:
        found["anchor_embedding"] = load_file(folder / EMBEDDING)["anchor_embedding.weight"]
    if found.keys() != parameters.keys():
        odd = sorted(found.keys() ^ parameters.keys())[:3]
        raise SystemExit(f"{folder}: tensors do not match the model (for example {', '.join(odd)})")
    with torch.no_grad():
        for name, value in found.items():
            if value.shape != parameters[name].shape:
                shapes = f"{tuple(value.shape)}, the model has {tuple(parameters[name].shape)}"
                raise SystemExit(f"{folder}: {name} has shape {shapes}; another rank or base?")
            parameters[name].copy_(value.to(parameters[name].dtype))


def read_lora(folder: Path) -> dict[str, Tensor]:
    """The matrices of a LoRA, by the model's names of them."""
    found: dict[str, Tensor] = {}
    for key, value in load_file(folder / WEIGHTS).items():
        match = PEFT_NAME.fullmatch(key)
        if not match:
            raise SystemExit(f"{folder}/{WEIGHTS}: unexpected tensor {key}")
        layer, _, projection, matrix = match.groups()
        found[f"blocks.{layer}.{projection}.{matrix}"] = value
    return found


def read_lora_config(folder: Path) -> dict:
    """The adapter_config.json of a LoRA."""
    return json.loads((folder / "adapter_config.json").read_text(encoding="utf8"))


def read_anchor_config(folder: Path) -> dict:
    """The anchor_config.json of an adapter folder."""
    return json.loads((folder / "anchor_config.json").read_text(encoding="utf8"))


def merge_lora(weights: dict[str, Tensor], folder: Path) -> None:
    """Add a LoRA, scaled, to the matrices [out, in] of a decoder in place. SystemExit where it fits another one."""
    config, lora = read_lora_config(folder), load_file(folder / WEIGHTS)
    scale = config["lora_alpha"] / config["r"]
    for name, down in lora.items():
        if ".lora_A." not in name:
            continue
        up = lora[name.replace(".lora_A.", ".lora_B.")]
        target = name.removeprefix(PEFT_PREFIX).replace(".lora_A.", ".")
        if target not in weights or weights[target].shape != (up.shape[0], down.shape[1]):
            raise SystemExit(f"{folder}/{WEIGHTS}: {name} fits no matrix of the decoder")
        weights[target] += scale * (up.float() @ down.float())


def adapter_shape(folder: Path, scheme: str) -> Anchoring:
    """Rank, alpha, number of anchor embeddings and adapted matrices of an adapter folder; of two LoRAs, of the one on
    anchors alone."""
    conditional = lora_folder(folder, True).is_dir()
    inner = lora_folder(folder, conditional)
    config = read_lora_config(inner)
    with safe_open(inner / WEIGHTS, "pt") as tensors:
        found = [PEFT_NAME.fullmatch(name) for name in tensors.keys()]
    adapted = frozenset(f"{match[1]}.{match[3]}" for match in found if match)
    path = folder / EMBEDDING
    added = 0
    if path.is_file():
        with safe_open(path, "pt") as tensors:
            added = tensors.get_slice("anchor_embedding.weight").get_shape()[0]
    return Anchoring(scheme, config["r"], config["lora_alpha"], added, adapted, conditional)


def read_adapted(base: Path, folder: Path | None, scheme: str, dtype: torch.dtype) -> AnchorDecoder:
    """A decoder with its adapter, or (None) the bare base. Of two LoRAs the one for all tokens is merged in."""
    config, weights = read_decoder(base)
    anchoring = adapter_shape(folder, scheme) if folder else Anchoring(scheme, rank=0)
    if folder and anchoring.conditional and (folder / WEIGHTS).is_file():
        merge_lora(weights, folder)
    model = AnchorDecoder(DecoderConfig.of(config), weights, anchoring, dtype)
    if folder:
        read_weights(model, folder)
    model.scorer = read_scorer(folder, model)
    return model.eval()
