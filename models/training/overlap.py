"""Whether training text shares 12 words in a row with what measures: data/eval and every row of split test.

    python overlap.py --work WORK --data CORPORA       checks WORK/train and WORK/teacher; exit status 1 where it does

prepare.py leaves such rows out of WORK/train; `--drop` takes them out of WORK/teacher, whose rows may be of an older
WORK. A word is a run of letters, digits and underscores, in lower case. Grams are compared by 64-bit hashes: among 10^7
held-out and 10^8 training grams a false match has odds of 10^-4.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import lzma
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

LENGTH = 12
WORD = re.compile(r"\w+")
MULTIPLIER = 0x9E3779B97F4A7C15  # odd, so that every power of it is another permutation of 64-bit numbers
NOT_TEXT = {"id", "repo", "source", "path", "license", "licence", "lang", "split", "commit", "kind", "platform"}


def read_packed(path: Path) -> Iterator[dict]:
    """The rows of one JSON Lines file packed with xz; SystemExit where it is missing or damaged."""
    if not path.is_file():
        raise SystemExit(f"corpus file missing: {path}; pass its folder with --data or ANCHORAGE_DATA")
    try:
        with lzma.open(path, "rt", encoding="utf8") as lines:
            for line in lines:
                yield json.loads(line)
    except (lzma.LZMAError, EOFError, ValueError) as error:
        raise SystemExit(f"{path} is damaged ({error}): fetch it again") from error


def texts_of(value: object) -> Iterator[str]:
    """Every text of a row, whatever its fields; names, paths and licences are none."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for part in value:
            yield from texts_of(part)
    elif isinstance(value, dict):
        for name, part in value.items():
            if name not in NOT_TEXT:
                yield from texts_of(part)


class Grams:
    """Hashes of 12 words in a row."""

    def __init__(self) -> None:
        self._words: dict[str, int] = {}
        with np.errstate(over="ignore"):
            self._powers = np.cumprod(np.full(LENGTH, MULTIPLIER, np.uint64))
        self._held = np.empty(0, np.uint64)

    def hashes(self, text: str) -> np.ndarray:
        """One uint64 for every gram of a text, in order."""
        words = WORD.findall(text.lower())
        count = len(words) - LENGTH + 1
        if count < 1:
            return np.empty(0, np.uint64)
        values = np.fromiter(map(self._word, words), np.uint64, len(words))
        with np.errstate(over="ignore"):
            return sum(values[i : i + count] * self._powers[i] for i in range(LENGTH))

    def _word(self, word: str) -> int:
        known = self._words.get(word)
        if known is None:
            known = int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "little")
            self._words[word] = known
        return known

    def hold(self, rows: Iterable[object]) -> None:
        """Add the grams of held-out rows."""
        found = [self.hashes(text) for row in rows for text in texts_of(row)]
        self._held = np.unique(np.concatenate((self._held, *found)))

    def shared(self, row: object) -> str | None:
        """The first 12 words that a row shares with a held-out one; None where it shares none."""
        for text in texts_of(row):
            hashes = self.hashes(text)
            if not len(hashes) or not len(self._held):
                continue
            places = np.minimum(np.searchsorted(self._held, hashes), len(self._held) - 1)
            hits = np.flatnonzero(self._held[places] == hashes)
            if len(hits):
                return " ".join(WORD.findall(text.lower())[hits[0] : hits[0] + LENGTH])
        return None

    def __len__(self) -> int:
        return len(self._held)


def held_out(data: Path) -> Grams:
    """The grams of data/eval and of every row of split test."""
    grams = Grams()
    for path in sorted(data.glob("eval/*.jsonl.xz")):
        grams.hold(read_packed(path))
    for folder in ("pretrain", "pairs", "chat"):
        for path in sorted(data.glob(f"{folder}/*.jsonl.xz")):
            grams.hold(row for row in read_packed(path) if row["split"] == "test")
    if not len(grams):
        raise SystemExit(f"{data} has neither eval/ nor rows of split test: is it the folder of the corpora?")
    return grams


def check(grams: Grams, path: Path, drop: bool = False, shown: int = 3) -> tuple[int, int]:
    """Rows of a JSON Lines file, and how many of them share a gram; the first few are printed. `drop`: they are taken
    out of the file."""
    rows, kept = 0, []
    with open(path, encoding="utf8") as lines:
        for line in lines:
            rows += 1
            found = grams.shared(json.loads(line))
            if found is None:
                kept.append(line)
            elif rows - len(kept) <= shown:
                print(f"  {path.name}:{rows}: {found}")
    if drop and len(kept) < rows:
        fresh = path.with_suffix(".new")
        fresh.write_text("".join(kept), encoding="utf8")
        os.replace(fresh, path)
    return rows, rows - len(kept)


def main() -> None:
    """Check a working folder."""
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--work", type=Path, required=True, help="folder made by prepare.py")
    data = os.environ.get("ANCHORAGE_DATA")
    a.add_argument("--data", type=Path, default=data, required=data is None)
    a.add_argument("--drop", action="store_true", help="take the rows found out of WORK/teacher")
    options = a.parse_args()
    paths = sorted([*options.work.glob("train/*.jsonl"), *options.work.glob("teacher/*.jsonl")])
    if not paths:
        raise SystemExit(f"{options.work} has no train/*.jsonl: run prepare.py first")
    grams = held_out(Path(options.data))
    print(f"{len(grams)} held-out grams of {LENGTH} words")
    total = 0
    for path in paths:
        drop = options.drop and path.parent.name == "teacher"
        rows, shared = check(grams, path, drop)
        total += 0 if drop else shared
        print(f"{path.relative_to(options.work)}: {rows} rows, {shared} share a gram{' and were taken out' * drop}")
    raise SystemExit(1 if total else 0)


if __name__ == "__main__":
    main()
