"""Step 1: make the working folder that training reads.

    python prepare.py --gguf SmolLM2-135M-Instruct.Q4_1.gguf --data CORPORA --out WORK

WORK/base/       the decoder as safetensors, its config and its tokenizer
WORK/{split}/    documents.jsonl {text, code, path, lang, repo, licence}, functions.jsonl, pairs.jsonl, dialogues.jsonl
WORK/manifest.json   SHA-256 of every file; train.py refuses a missing or altered one

CORPORA holds JSON Lines packed with xz: pretrain/*.jsonl.xz {repo|source, path, license, split, text}, pairs/*.jsonl.xz
(sources.py has their fields), chat/sgd.jsonl.xz, and eval/*.jsonl.xz, which are never trained on. Rows of `split` train
are trained on, except those that share 12 words in a row with eval/ or split test (overlap.py); valid and test measure.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
from pathlib import Path

from base import write_base
from overlap import held_out
from sources import dialogues, documents, functions, pairs

SPLITS = ("train", "valid", "test")


def sha256(path: Path) -> str:
    """Hex SHA-256 of a file, read in blocks."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def main() -> None:
    """Write the working folder and its manifest."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--gguf", type=Path, required=True)
    data = os.environ.get("ANCHORAGE_DATA")
    arguments.add_argument("--data", type=Path, default=data, required=data is None)
    arguments.add_argument("--out", type=Path, required=True)
    options = arguments.parse_args()

    data = Path(options.data)
    write_base(options.gguf, options.out / "base")
    made = [options.out / "base" / name for name in ("config.json", "model.safetensors", "tokenizer.json")]
    grams = held_out(data)
    kinds = (("documents", documents), ("functions", functions), ("pairs", pairs), ("dialogues", dialogues))
    for name, rows in kinds:
        files, counts, left_out = {}, dict.fromkeys(SPLITS, 0), 0
        for split in SPLITS:
            (options.out / split).mkdir(parents=True, exist_ok=True)
            files[split] = open(options.out / split / f"{name}.jsonl", "w", encoding="utf8")
        for split, row in rows(data):
            if split == "train" and grams.shared(row) is not None:
                left_out += 1
                continue
            counts[split] += 1
            files[split].write(json.dumps(row, ensure_ascii=False) + "\n")
        for split, file in files.items():
            file.close()
            made.append(Path(file.name))
            size = Path(file.name).stat().st_size / 1e6
            print(f"{split}/{name}.jsonl: {counts[split]} rows, {size:.1f} MB", flush=True)
        print(f"  left out of train/{name}.jsonl: {left_out} rows that share 12 words with what measures", flush=True)
    manifest = {str(path.relative_to(options.out)): sha256(path) for path in sorted(made)}
    (options.out / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf8")


if __name__ == "__main__":
    main()
