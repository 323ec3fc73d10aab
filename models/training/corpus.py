"""The rows of the working folder that prepare.py wrote, one split at a time."""

from __future__ import annotations

import json
import re
from pathlib import Path


class Corpus:
    """The rows of one split of the working folder. `chats`: the base's answers, if teacher.py's step was taken."""

    def __init__(self, work: Path, split: str) -> None:
        def rows(name: str) -> list[dict]:
            path = work / split / f"{name}.jsonl"
            if not path.is_file():
                raise SystemExit(f"{path} is missing: run prepare.py again")
            with open(path, encoding="utf8") as lines:
                return [json.loads(line) for line in lines]

        self.documents = rows("documents")
        self.code = [row for row in self.documents if row["code"]]
        self.functions = rows("functions")
        self.dialogues = rows("dialogues")
        self.pairs: dict[str, list[dict]] = {}
        for row in rows("pairs"):
            self.pairs.setdefault(row["kind"], []).append(row)
        self.chats = read_chats(work / "teacher") if split == "train" else []
        for name in ("documents", "code", "functions", "dialogues"):
            if not getattr(self, name):
                raise SystemExit(f"{work / split} has no {name}: prepare.py needs rows of split {split}")
        sample = self.documents[:: max(1, len(self.documents) // 800)]
        self.words = sorted({word for row in sample for word in re.findall(r"\b[a-z]{4,9}\b", row["text"])})


def read_chats(folder: Path) -> list[dict]:
    """Rows {chunks, question, answer} of teacher.py's folder."""
    if not (folder / "answers.jsonl").is_file():
        return []
    with open(folder / "questions.jsonl", encoding="utf8") as lines:
        asked = {row["id"]: row for row in map(json.loads, lines)}
    with open(folder / "answers.jsonl", encoding="utf8") as lines:
        answers = {row["id"]: row.get("answer", "") for row in map(json.loads, lines)}
    return [{**asked[number], "answer": answer} for number, answer in answers.items() if answer and number in asked]
