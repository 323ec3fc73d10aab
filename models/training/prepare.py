"""Step 1: make the working folder that training reads.

    python prepare.py --gguf SmolLM2-135M-Instruct.Q4_1.gguf --data CORPORA --out WORK

WORK/base/       the decoder as safetensors, its config and its tokenizer
WORK/{split}/    documents.jsonl {text, code, path, lang, repo, licence}, functions.jsonl, dialogues.jsonl
WORK/manifest.json   SHA-256 of every file; train.py refuses a missing or altered one

CORPORA holds JSON Lines packed with xz: pretrain/*.jsonl.xz {repo|source, path, license, split, text},
pairs/functions.jsonl.xz, pairs/explanations.jsonl.xz, chat/sgd.jsonl.xz. Rows of `split` train are trained on;
valid and test only measure.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import lzma
import os
from collections.abc import Iterator
from pathlib import Path

from base import write_base

SPLITS = ("train", "valid", "test")
LANGUAGES = {
    ".ts": "typescript",
    ".tsx": "tsx",
    ".js": "javascript",
    ".jsx": "jsx",
    ".mjs": "javascript",
    ".py": "python",
    ".rs": "rust",
    ".go": "go",
    ".java": "java",
}
DOCUMENTS = {
    "pretrain/prose-00.jsonl.xz": 7000,
    "pretrain/prose-01.jsonl.xz": 2000,
    "pretrain/source-typescript-00.jsonl.xz": 4000,
    "pretrain/source-python-00.jsonl.xz": 3500,
    "pretrain/source-javascript-00.jsonl.xz": 2500,
    "pretrain/source-rust-00.jsonl.xz": 900,
    "pretrain/source-go-00.jsonl.xz": 800,
    "pretrain/source-java-00.jsonl.xz": 900,
}
LONGEST_DOCUMENT = 24_000  # characters


def read_rows(path: Path) -> Iterator[dict]:
    """The rows of one packed corpus file."""
    if not path.is_file():
        raise SystemExit(f"corpus file missing: {path}; pass its folder with --data or ANCHORAGE_DATA")
    with lzma.open(path, "rt", encoding="utf8") as lines:
        for line in lines:
            yield json.loads(line)


def documents(data: Path) -> Iterator[tuple[str, dict]]:
    """(split, row) of source files and prose pages; all of valid and test, a capped number of train rows."""
    for name, limit in DOCUMENTS.items():
        taken = 0
        for row in read_rows(data / name):
            if row["split"] == "train":
                taken += 1
                if taken > limit:
                    continue
            code = "source-" in name
            yield row["split"], {
                "text": row["text"][:LONGEST_DOCUMENT],
                "code": code,
                "path": row["path"],
                "lang": LANGUAGES.get(Path(row["path"]).suffix, "") if code else "markdown",
                "repo": row.get("repo") or row.get("source"),
                "licence": row["license"],
            }


def functions(data: Path) -> Iterator[tuple[str, dict]]:
    """(split, row) of functions with their authors' own descriptions."""
    for row in read_rows(data / "pairs/functions.jsonl.xz"):
        if 60 < len(row["code"]) < 1200 and 20 < len(row["description"]) < 260:
            fields = ("path", "lang", "name", "code", "description", "params", "returns", "repo")
            kept = {key: row[key] for key in fields}
            yield row["split"], {**kept, "licence": row["license"]}


def dialogues(data: Path) -> Iterator[tuple[str, dict]]:
    """(split, row) of task dialogues: `turns` alternate user and assistant."""
    for row in read_rows(data / "chat/sgd.jsonl.xz"):
        turns = [turn["text"] for turn in row["turns"]]
        yield row["split"], {"turns": turns, "repo": row["source"], "licence": row["license"]}


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

    write_base(options.gguf, options.out / "base")
    for name, rows in (("documents", documents), ("functions", functions), ("dialogues", dialogues)):
        files = {}
        for split in SPLITS:
            (options.out / split).mkdir(parents=True, exist_ok=True)
            files[split] = open(options.out / split / f"{name}.jsonl", "w", encoding="utf8")
        for split, row in rows(Path(options.data)):
            files[split].write(json.dumps(row, ensure_ascii=False) + "\n")
        for split, file in files.items():
            file.close()
            print(f"{split}/{name}.jsonl: {Path(file.name).stat().st_size / 1e6:.1f} MB", flush=True)
    made = sorted(path for path in options.out.rglob("*") if path.is_file() and path.name != "manifest.json")
    manifest = {str(path.relative_to(options.out)): sha256(path) for path in made}
    (options.out / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf8")


if __name__ == "__main__":
    main()
