"""Step 3a: make the held-out rows that adapters are measured on, here and by the command line's `batch`.

    python samples.py --work WORK --out ../smollm2-135m-anchors

OUT/evaluation/{repeat,function,value,continue}.jsonl   {id, chunks, question + score | continuation, attribution}
OUT/heldout/{prose,code}.jsonl                          {id, text, attribution}, for perplexity

Only split test, only permissive licences; every row names the repositories that its text comes from.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path

from corpus import Corpus
from text import Tokens

PERMISSIVE = {"MIT", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0"}
STATEMENTS = ("The {} is {}.", "Set {} to {}.", "{} = {}", 'I call the {} "{}".', "Remember: {}: {}.")
ROWS = 64
Maker = Callable[[], dict]


class Samples:
    """Draws evaluation rows from the test split with a seeded generator."""

    def __init__(self, corpus: Corpus, tokens: Tokens, seed: int) -> None:
        self.tokens, self.random = tokens, random.Random(seed)
        self.documents = [row for row in corpus.documents if row["licence"] in PERMISSIVE]
        self.functions = [row for row in corpus.functions if row["licence"] in PERMISSIVE and len(row["code"]) < 450]
        self.words = corpus.words

    def excerpt(self, characters: int, code: bool | None = None) -> tuple[str, dict]:
        """Whole lines or words of one document, and whose they are."""
        while True:
            row = self.random.choice(self.documents)
            if code is not None and row["code"] != code:
                continue
            start = row["text"].rfind("\n", 0, self.random.randrange(max(1, len(row["text"]) - characters))) + 1
            part = row["text"][start : start + characters]
            cut = max(part.rfind("\n"), part.rfind(" "))
            part = part[:cut].strip()
            if len(part) >= characters * 0.6 and len(set(part)) > 12:
                return part, source_of(row)

    def repeat(self) -> dict:
        """One of three passages, word for word."""
        texts, sources = zip(*(self.excerpt(self.random.choice((90, 130, 170))) for _ in range(3)))
        wanted = self.random.randrange(3)
        chunks = [f"Passage {number}:\n{text}\n" for number, text in enumerate(texts, 1)]
        return row_of(chunks, sources, question=f"Repeat passage {wanted + 1}.", score=texts[wanted])

    def function(self) -> dict:
        """What one of three functions does, in its authors' words."""
        picked = self.random.sample(self.functions, 3)
        chunks = []
        for row in picked:
            first = self.random.randint(1, 300)
            last = first + row["code"].count("\n")
            chunks.append(f"File: {row['path']}, lines {first}-{last}\n```{row['lang']}\n{row['code']}\n```\n")
        wanted = self.random.choice(picked)
        question = f"What does `{wanted['name']}` do?"
        return row_of(chunks, map(source_of, picked), question=question, score=wanted["description"])

    def value(self) -> dict:
        """A value that one of five earlier messages or documents states."""
        chunks, sources, pairs = [], [], []
        for _ in range(5):
            name = f"{self.random.choice(self.words)} {self.random.choice(self.words)}"
            number = str(self.random.randrange(10, 9999))
            joined = "_".join(self.random.sample(self.words, 2))
            value = self.random.choice((number, self.random.choice(self.words), joined))
            form = self.random.choice(STATEMENTS)
            filler, source = self.excerpt(self.random.choice((60, 100, 140)), code=False)
            stated = form.format(name, value)
            text = f"{stated} {filler}" if self.random.random() < 0.5 else f"{filler} {stated}"
            chunks.append({"user": text, "assistant": "Noted."} if self.random.random() < 0.4 else text + "\n")
            sources.append(source)
            pairs.append((name, value))
        name, value = self.random.choice(pairs)
        return row_of(chunks, sources, question=f"What is the {name}?", score=value)

    def continue_(self) -> dict:
        """The next tokens of a document whose last 192 tokens were sealed as three sequences."""
        while True:
            text, source = self.excerpt(1600)
            ids = self.tokens.text(text)
            if len(ids) >= 256:
                break
        pieces = [self.tokens.decode(ids[start : start + 64]) for start in range(0, 256, 64)]
        return row_of(pieces[:3], [source], continuation=pieces[3])

    def heldout(self, code: bool, count: int, characters: int) -> Iterator[dict]:
        """Long excerpts for perplexity, one a document."""
        documents = [row for row in self.documents if row["code"] == code and len(row["text"]) > characters]
        for number, row in enumerate(self.random.sample(documents, min(count, len(documents)))):
            text = row["text"][:characters]
            yield {"id": number, "text": text[: text.rfind("\n") + 1], "attribution": [source_of(row)]}


def source_of(row: dict) -> dict:
    """Repository, path and licence of a row's text."""
    return {"repo": row["repo"], "path": row["path"], "licence": row["licence"]}


def row_of(chunks: list, sources: object, **asked: str) -> dict:
    """A batch row; a source is named once."""
    unique = {json.dumps(source, sort_keys=True): source for source in sources}
    return {"chunks": list(chunks), **asked, "attribution": list(unique.values())}


def write_lines(path: Path, rows: Iterator[dict]) -> None:
    """JSON Lines, created with its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", encoding="utf8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def main() -> None:
    """Write the six files."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--work", type=Path, required=True)
    arguments.add_argument("--out", type=Path, required=True)
    options = arguments.parse_args()

    tokens = Tokens(options.work / "base" / "tokenizer.json")
    corpus = Corpus(options.work, "test")
    for seed, name in enumerate(("repeat", "function", "value", "continue")):
        samples = Samples(corpus, tokens, seed)
        make: Maker = samples.continue_ if name == "continue" else getattr(samples, name)
        rows = ({"id": f"{name}-{number}", **make()} for number in range(ROWS))
        write_lines(options.out / "evaluation" / f"{name}.jsonl", rows)
    samples = Samples(corpus, tokens, 9)
    write_lines(options.out / "heldout" / "prose.jsonl", samples.heldout(False, 24, 2600))
    write_lines(options.out / "heldout" / "code.jsonl", samples.heldout(True, 24, 2200))


if __name__ == "__main__":
    main()
