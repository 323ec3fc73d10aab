"""A working folder with a tiny random decoder and made-up rows, for tests of the training loop.

    python tinywork.py --out WORK
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from export import write_json
from prepare import SPLITS, sha256
from tiny import make_config, make_weights

WORDS = "read write close open cache token anchor row mask layer value key text file line code name list map".split()


def write_tokenizer(path: Path) -> int:
    """A tokenizer of single bytes; its vocabulary's size."""
    vocabulary = {symbol: number for number, symbol in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(text) for text in ("<|im_start|>", "<|im_end|>")])
    tokenizer.save(str(path))
    return tokenizer.get_vocab_size()


def rows(generator: random.Random) -> dict[str, list[dict]]:
    """A few rows of every file of a split."""

    def text(count: int) -> str:
        return " ".join(generator.choice(WORDS) for _ in range(count))

    def lines(count: int) -> str:
        return "\n".join(f"  {text(5)};" for _ in range(count))

    common = {"path": "src/a.ts", "lang": "typescript", "repo": "made/up", "licence": "MIT"}
    function = {"name": "readRow", "description": text(8), "params": [{"name": "row", "text": text(3)}]}
    kinds = ("inline", "file", "explanation", "commit", "command", "error")
    return {
        "documents": [{**common, "text": lines(80), "code": code} for code in (True, False) for _ in range(3)],
        "functions": [{**common, **function, "code": lines(3), "returns": text(3)} for _ in range(4)],
        "pairs": [{**common, "kind": k, "name": text(2), "shown": lines(3), "answer": text(6)} for k in kinds],
        "dialogues": [{"turns": [text(4) for _ in range(8)]} for _ in range(3)],
    }


def write_work(folder: Path, seed: int = 0) -> None:
    """The folder, as prepare.py would write it."""
    base = folder / "base"
    base.mkdir(parents=True)
    vocabulary = write_tokenizer(base / "tokenizer.json")
    sizes = {"hidden": 32, "layers": 2, "heads": 2, "kv_heads": 1, "head_dim": 16, "intermediate": 48}
    shape = argparse.Namespace(family="llama", vocab=vocabulary, rope_theta=10000.0, untied=False, **sizes)
    config = make_config(shape)
    write_json(base / "config.json", config)
    save_file(make_weights(config, torch.Generator().manual_seed(seed)), base / "model.safetensors")
    generator = random.Random(seed)
    for split in SPLITS:
        (folder / split).mkdir()
        for name, found in rows(generator).items():
            text = "".join(json.dumps(row) + "\n" for row in found)
            (folder / split / f"{name}.jsonl").write_text(text, encoding="utf8")
    made = sorted(path for path in folder.rglob("*") if path.is_file())
    write_json(folder / "manifest.json", {str(path.relative_to(folder)): sha256(path) for path in made})


def main() -> None:
    """Write one."""
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--out", type=Path, required=True)
    a.add_argument("--seed", type=int, default=0)
    options = a.parse_args()
    write_work(options.out, options.seed)


if __name__ == "__main__":
    main()
