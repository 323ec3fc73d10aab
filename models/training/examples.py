"""What examples are made of: excerpts, file chunks, exchanges and words of a corpus, drawn with a seeded generator."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from corpus import Corpus
from layout import Context
from text import DEFAULT_SYSTEM, Tokens

SYSTEMS = (
    "You are a helpful assistant for programmers.",
    "You are a coding assistant. Answer briefly and say which file you mean.",
    "You explain code to its readers in plain words.",
)
SHORTEST_SEQUENCE, LONGEST_SEQUENCE = 16, 512  # tokens; the first of those cut to a drawn length


@dataclass(frozen=True)
class Example:
    """A context and where its loss begins: token indices per sealed sequence, and in the live one (>= 1)."""

    kind: str
    context: Context
    sealed_loss_from: list[int]
    live_loss_from: int

    @property
    def size(self) -> int:
        context = self.context
        return len(context.prefix) + sum(map(len, context.sealed)) + len(context.live)


class Examples:
    """Draws the parts of an example. `limit`: tokens that a whole context may have, to be set by who draws."""

    def __init__(self, corpus: Corpus, tokens: Tokens, generator: random.Random, scale: float = 1.0) -> None:
        self.corpus, self.tokens, self.random, self.scale = corpus, tokens, generator, scale
        self.limit = 1024

    def _prefix(self) -> list[int]:
        usual = self.random.random() < 0.85
        return self.tokens.pinned(DEFAULT_SYSTEM if usual else self.random.choice(SYSTEMS))

    def _word(self) -> str:
        return self.random.choice(self.corpus.words)

    def _count(self, low: int, high: int) -> int:
        return max(low, round(self.random.randint(low, high) * self.scale))

    def _between(self, low: float, high: float) -> int:
        """A number drawn so that every doubling is as likely as the next."""
        return round(math.exp(self.random.uniform(math.log(low), math.log(max(low, high)))))

    def _sequence_length(self) -> int:
        """Tokens of a sequence that is cut to a drawn length."""
        return self._between(SHORTEST_SEQUENCE, LONGEST_SEQUENCE)

    def _room(self, least: int) -> int:
        """Tokens of a context that is filled up to a drawn length."""
        return self._between(least, self.limit)

    def _excerpt(self, characters: int, code: bool = False) -> tuple[dict, str, int]:
        """A document (`code`: a source file), an excerpt cut at line or word ends, and its first line's number."""
        tries = 0
        while True:
            tries += 1
            if tries % 100 == 0:  # few documents are that long
                characters = max(1, characters // 2)
            row = self.random.choice(self.corpus.code if code else self.corpus.documents)
            text = row["text"]
            start = self.random.randrange(max(1, len(text) - characters))
            start = text.rfind("\n", 0, start) + 1
            part = text[start : start + characters]
            cut = part.rfind("\n" if row["code"] else " ")
            part = part[:cut] if cut > characters // 2 else part
            if len(part.strip()) >= characters // 2:
                return row, part.strip("\n"), text.count("\n", 0, start) + 1

    def _file(self, characters: int) -> tuple[dict, list[int], str, int]:
        """A file chunk of at most LONGEST_SEQUENCE tokens: its row, ids, code and first line."""
        row, code, first = self._excerpt(characters, code=True)
        lines = code.split("\n")
        while True:
            code = "\n".join(lines)
            ids = self.tokens.file(row["path"], row["lang"], code)
            if len(ids) <= LONGEST_SEQUENCE or len(lines) < 2:
                return row, ids[:LONGEST_SEQUENCE], code, first
            lines = lines[: len(lines) * 3 // 4]

    def _exchange(self, question: str, answer: str) -> tuple[list[int], int]:
        """A closed exchange's ids and where its answer begins."""
        asked = self.tokens.ask(question)
        return asked + self.tokens.answer(answer), len(asked)

    def _live(self, question: str, answer: list[int]) -> tuple[list[int], int]:
        asked = self.tokens.ask(question)
        return asked + answer + self.tokens.stop, len(asked)

    def _context(self, sealed: list[list[int]], independent: list[bool], live: list[int]) -> Context:
        return Context(self._prefix(), sealed, independent, live)

    def _silent(
        self, kind: str, sealed: list[list[int]], independent: list[bool], live: tuple[list[int], int]
    ) -> Example:
        """An example with loss on the live answer alone."""
        return Example(kind, self._context(sealed, independent, live[0]), [len(s) for s in sealed], live[1])
