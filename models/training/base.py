"""Read a base decoder: a GGUF file, or a folder with config.json and model.safetensors, as Hugging Face names them.

GGUF stores the rows of the query and key projections in the interleaved rotary order of llama.cpp; `unpermute`
restores the half-split order of Hugging Face's Llama, which model.py (and the converted package) uses.
"""

from __future__ import annotations

import json
from pathlib import Path

import gguf
import numpy as np
import torch
from safetensors.torch import load_file, save_file

LAYER_NAMES = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
}
TOP_NAMES = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}
CONTROL_TOKEN = 3


def unpermute(weight: np.ndarray, heads: int) -> np.ndarray:
    """Rows [heads * head_dim, in], pairs interleaved -> first half of each head, then second half."""
    rows, columns = weight.shape
    return weight.reshape(heads, rows // heads // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)


def read_config(reader: gguf.GGUFReader) -> dict:
    """The metadata of a GGUF file of architecture `llama`, as a Hugging Face config."""

    def field(name: str):
        found = reader.get_field(name)
        if found is None:
            raise SystemExit(f"the GGUF file has no metadata field {name}; is it a Llama decoder?")
        return found.contents()

    architecture = field("general.architecture")
    if architecture != "llama":
        raise SystemExit(f"the GGUF file holds a {architecture} decoder; this trainer reads llama")
    heads = field("llama.attention.head_count")
    hidden = field("llama.embedding_length")
    names = {tensor.name for tensor in reader.tensors}
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": hidden,
        "num_hidden_layers": field("llama.block_count"),
        "num_attention_heads": heads,
        "num_key_value_heads": field("llama.attention.head_count_kv"),
        "head_dim": hidden // heads,
        "intermediate_size": field("llama.feed_forward_length"),
        "vocab_size": len(field("tokenizer.ggml.tokens")),
        "rms_norm_eps": float(np.float32(field("llama.attention.layer_norm_rms_epsilon"))),
        "rope_theta": float(field("llama.rope.freq_base")),
        "max_position_embeddings": field("llama.context_length"),
        "tie_word_embeddings": "output.weight" not in names,
        "bos_token_id": field("tokenizer.ggml.bos_token_id"),
        "eos_token_id": field("tokenizer.ggml.eos_token_id"),
        "hidden_act": "silu",
    }


def read_weights(reader: gguf.GGUFReader, config: dict) -> dict[str, torch.Tensor]:
    """Every tensor dequantised to float32 under its Hugging Face name."""
    weights = {}
    for tensor in reader.tensors:
        values = gguf.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        parts = tensor.name.removesuffix(".weight").split(".")
        if parts[0] == "blk":
            if parts[2] == "attn_q":
                values = unpermute(values, config["num_attention_heads"])
            elif parts[2] == "attn_k":
                values = unpermute(values, config["num_key_value_heads"])
            name = f"model.layers.{parts[1]}.{LAYER_NAMES[parts[2]]}"
        elif parts[0] in TOP_NAMES:
            name = TOP_NAMES[parts[0]]
        else:
            continue
        weights[f"{name}.weight"] = torch.from_numpy(np.ascontiguousarray(values))
    return weights


def read_tokenizer(reader: gguf.GGUFReader) -> dict:
    """The `tokenizers` JSON of a GGUF file with the `smollm` pre-tokenizer: digits one by one, then byte level."""
    pre = reader.get_field("tokenizer.ggml.pre").contents()
    if pre != "smollm":
        raise SystemExit(f"the GGUF file's pre-tokenizer is {pre}; this reader knows smollm")
    tokens = reader.get_field("tokenizer.ggml.tokens").contents()
    types = reader.get_field("tokenizer.ggml.token_type").contents()
    merges = reader.get_field("tokenizer.ggml.merges").contents()
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    plain = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    added = [
        {"id": i, "content": token, "special": True, **plain}
        for i, (token, kind) in enumerate(zip(tokens, types))
        if kind == CONTROL_TOKEN
    ]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": None,
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [{"type": "Digits", "individual_digits": True}, byte_level],
        },
        "post_processor": None,
        "decoder": byte_level,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "vocab": {token: i for i, token in enumerate(tokens)},
            "merges": [merge.split(" ", 1) for merge in merges],
        },
    }


def read_decoder(source: Path) -> tuple[dict, dict[str, torch.Tensor]]:
    """Config and weights of a GGUF file, or of a folder with config.json and safetensors in one file or several."""
    if source.suffix == ".gguf":
        reader = gguf.GGUFReader(str(source))
        config = read_config(reader)
        return config, read_weights(reader, config)
    files = sorted(source.glob("model*.safetensors"))
    if not (source / "config.json").is_file() or not files:
        raise SystemExit(f"{source} is neither a .gguf file nor a folder with config.json and model.safetensors")
    weights = {name: value for file in files for name, value in load_file(file).items()}
    return json.loads((source / "config.json").read_text(encoding="utf8")), weights


def write_base(gguf_path: Path, folder: Path) -> None:
    """Write model.safetensors (float32), config.json and tokenizer.json."""
    reader = gguf.GGUFReader(str(gguf_path))
    config = read_config(reader)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(read_weights(reader, config), folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf8")
    (folder / "tokenizer.json").write_text(json.dumps(read_tokenizer(reader), ensure_ascii=False), encoding="utf8")
