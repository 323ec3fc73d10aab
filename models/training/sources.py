"""The rows of the corpora in the form that training reads: documents, functions, pairs and dialogues."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from overlap import read_packed

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
PAIRS = {  # kind: train rows looked at, of which one in so many is taken
    "inline": (32_000, 2),
    "file": (18_000, 1),
    "explanation": (18_000, 1),
    "commit": (28_000, 2),
    "command": (32_000, 2),
    "error": (8000, 1),
}
FILES = {"inline": "inline", "file": "files", "explanation": "explanations", "commit": "commits"}
LONGEST_SHOWN, LONGEST_ANSWER = 5000, 700  # characters


def documents(data: Path) -> Iterator[tuple[str, dict]]:
    """(split, row) of source files and prose pages; all of valid and test, a capped number of train rows."""
    for name, limit in DOCUMENTS.items():
        taken = 0
        for row in read_packed(data / name):
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
    for row in read_packed(data / "pairs/functions.jsonl.xz"):
        if 60 < len(row["code"]) < 1200 and 20 < len(row["description"]) < 260:
            fields = ("path", "lang", "name", "code", "description", "params", "returns", "repo")
            kept = {key: row[key] for key in fields}
            yield row["split"], {**kept, "licence": row["license"]}


def dialogues(data: Path) -> Iterator[tuple[str, dict]]:
    """(split, row) of task dialogues: `turns` alternate user and assistant."""
    for row in read_packed(data / "chat/sgd.jsonl.xz"):
        turns = [turn["text"] for turn in row["turns"]]
        yield row["split"], {"turns": turns, "repo": row["source"], "licence": row["license"]}


def pairs(data: Path) -> Iterator[tuple[str, dict]]:
    """(split, row) of things shown and what their authors say of them: {kind, name, path, lang, shown, answer}."""
    for kind, (limit, every) in PAIRS.items():
        looked_at = 0
        for row in read_packed(data / f"pairs/{FILES.get(kind, kind + 's')}.jsonl.xz"):
            name, shown, answer = pair_of(kind, row)
            if not 8 < len(shown) <= LONGEST_SHOWN or not 12 < len(answer) or not name:
                continue
            if row["split"] == "train":
                looked_at += 1
                if looked_at % every or looked_at > limit:
                    continue
            fields = {"kind": kind, "name": name, "shown": shown, "answer": answer[:LONGEST_ANSWER].strip()}
            yield row["split"], {
                **fields,
                "path": row["path"] if kind != "commit" else name,
                "lang": "diff" if kind == "commit" else row.get("lang", "sh"),
                "repo": row["repo"],
                "licence": row["license"],
            }


def pair_of(kind: str, row: dict) -> tuple[str, str, str]:
    """Name, what is shown, and what is said of it."""
    if kind == "inline":
        first = next((line.strip() for line in row["code"].split("\n") if line.strip()), "")
        return first[:120], f"{row['before']}\n{row['code']}", row["comment"]
    if kind == "file":
        return row["name"], row["code"], re.sub(r"\s*\*\*[\w ]+\.?$", "", row["summary"])  # the next heading
    if kind == "explanation":
        more_code = "<!--" in row["title"]  # solutions in other languages, which explain nothing
        return "" if more_code else row["title"], row["code"], paragraphs(row["explanation"])
    if kind == "commit":
        changed = re.search(r"^\+\+\+ b/(\S+)", row["diff"], re.MULTILINE)
        return changed[1] if changed else "", row["diff"], row["message"]
    if kind == "command":
        return row["tool"], row["command"], row["description"]
    return row["message"], row.get("incorrect") or row["message"], paragraphs(row["explanation"])


def paragraphs(text: str) -> str:
    """The first paragraphs of a text, as many as LONGEST_ANSWER has room for."""
    found = ""
    for part in text.split("\n\n"):
        if found and len(found) + len(part) > LONGEST_ANSWER:
            break
        found += ("\n\n" if found else "") + part
    return found
