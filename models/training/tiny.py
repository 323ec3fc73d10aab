"""Write a tiny random decoder and adapter, for tests that compare implementations.

    python tiny.py --out DIR --seed 0 --scheme mark

DIR/config.json, DIR/model.safetensors (float32, Hugging Face names) and, unless the scheme is select, DIR/adapter/.
Weights are large enough that a wrong mask, position or head order changes the logits visibly. lora_alpha is twice
the rank, so a reader that forgets the scale is found out.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from export import anchor_config, lora_config, write_json

ARCHITECTURES = {"llama": "LlamaForCausalLM", "qwen2": "Qwen2ForCausalLM", "qwen3": "Qwen3ForCausalLM"}


def make_config(options: argparse.Namespace) -> dict:
    """A Hugging Face config of the asked family and size."""
    return {
        "architectures": [ARCHITECTURES[options.family]],
        "model_type": options.family,
        "hidden_size": options.hidden,
        "num_hidden_layers": options.layers,
        "num_attention_heads": options.heads,
        "num_key_value_heads": options.kv_heads,
        "head_dim": options.head_dim,
        "intermediate_size": options.intermediate,
        "vocab_size": options.vocab,
        "rms_norm_eps": 1e-5,
        "rope_theta": options.rope_theta,
        "max_position_embeddings": 2048,
        "tie_word_embeddings": not options.untied,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "hidden_act": "silu",
    }


def shapes(config: dict) -> dict[str, tuple[int, int]]:
    """[out, in] of every projection of a layer, by its name within the layer."""
    hidden, wide = config["hidden_size"], config["intermediate_size"]
    queries = config["num_attention_heads"] * config["head_dim"]
    keys = config["num_key_value_heads"] * config["head_dim"]
    return {
        "self_attn.q_proj": (queries, hidden),
        "self_attn.k_proj": (keys, hidden),
        "self_attn.v_proj": (keys, hidden),
        "self_attn.o_proj": (hidden, queries),
        "mlp.gate_proj": (wide, hidden),
        "mlp.up_proj": (wide, hidden),
        "mlp.down_proj": (hidden, wide),
    }


def make_weights(config: dict, generator: torch.Generator) -> dict[str, Tensor]:
    """Random float32 weights under Hugging Face's names."""

    def normal(*size: int, scale: float = 1.0) -> Tensor:
        return torch.randn(size, generator=generator) * scale

    hidden = config["hidden_size"]
    weights = {
        "model.embed_tokens.weight": normal(config["vocab_size"], hidden, scale=0.5),
        "model.norm.weight": 1 + normal(hidden, scale=0.2),
    }
    if not config["tie_word_embeddings"]:
        weights["lm_head.weight"] = normal(config["vocab_size"], hidden, scale=0.5)
    for layer in range(config["num_hidden_layers"]):
        prefix = f"model.layers.{layer}."
        for name, (rows, columns) in shapes(config).items():
            weights[f"{prefix}{name}.weight"] = normal(rows, columns, scale=1.5 / math.sqrt(columns))
            if config["model_type"] == "qwen2" and name in ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"):
                weights[f"{prefix}{name}.bias"] = normal(rows, scale=0.3)
        if config["model_type"] == "qwen3":
            for name in ("q_norm", "k_norm"):
                weights[f"{prefix}self_attn.{name}.weight"] = 1 + normal(config["head_dim"], scale=0.2)
        for name in ("input_layernorm", "post_attention_layernorm"):
            weights[f"{prefix}{name}.weight"] = 1 + normal(hidden, scale=0.2)
    return weights


def make_adapter(config: dict, rank: int, generator: torch.Generator) -> dict[str, Tensor]:
    """A random LoRA under PEFT's names."""
    lora = {}
    for layer in range(config["num_hidden_layers"]):
        for name, (rows, columns) in shapes(config).items():
            key = f"base_model.model.model.layers.{layer}.{name}"
            lora[f"{key}.lora_A.weight"] = torch.randn(rank, columns, generator=generator) / math.sqrt(columns)
            lora[f"{key}.lora_B.weight"] = torch.randn(rows, rank, generator=generator) * 0.2
    return lora


def main() -> None:
    """Write the decoder and its adapter."""
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--out", type=Path, required=True)
    a.add_argument("--seed", type=int, default=0)
    a.add_argument("--family", choices=tuple(ARCHITECTURES), default="llama")
    a.add_argument("--scheme", choices=("mark", "select", "AC", "EP"), default="mark")
    for name, value in (("layers", 2), ("hidden", 64), ("heads", 4), ("kv-heads", 2), ("head-dim", 16)):
        a.add_argument(f"--{name}", type=int, default=value)
    for name, value in (("intermediate", 96), ("vocab", 128), ("rank", 4), ("added", 1)):
        a.add_argument(f"--{name}", type=int, default=value)
    a.add_argument("--rope-theta", type=float, default=10000.0)
    a.add_argument("--untied", action="store_true")
    options = a.parse_args()

    generator = torch.Generator().manual_seed(options.seed)
    config = make_config(options)
    options.out.mkdir(parents=True, exist_ok=True)
    write_json(options.out / "config.json", config)
    save_file(make_weights(config, generator), options.out / "model.safetensors", metadata={"format": "pt"})
    if options.scheme == "select":
        return
    folder = options.out / "adapter"
    folder.mkdir(exist_ok=True)
    lora = make_adapter(config, options.rank, generator)
    save_file(lora, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    if options.scheme != "EP":
        rows = options.added if options.scheme == "AC" else 1
        embedding = torch.randn(rows, options.hidden, generator=generator) * 0.5
        save_file({"anchor_embedding.weight": embedding}, folder / "anchor_embedding.safetensors")
    write_json(folder / "adapter_config.json", {**lora_config(options.rank, "tiny"), "lora_alpha": 2 * options.rank})
    added = list(range(options.vocab, options.vocab + options.added))
    ids = {"AC": added, "EP": [options.vocab // 2]}.get(options.scheme, [])
    rules = {"strict": options.scheme in ("AC", "EP"), "positions": "cache"}
    learned = {"scheme": options.scheme, "ratios": [2, 4, 8, 16], **rules}
    anchors = anchor_config(learned, ids, "tiny", options.out / "model.safetensors")
    write_json(folder / "anchor_config.json", anchors)


if __name__ == "__main__":
    main()
