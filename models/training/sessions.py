"""Sessions about code, built from pairs of the authors' own words: a later question needs an earlier exchange or chunk.

An item is something that a session holds, with what can be asked of it later. Its questions name it (a function, a
path, a command's purpose), and its answer stands, or is to be worked out, in text that is sealed by then.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace

from examples import LONGEST_SEQUENCE, Example, Examples

MOST_EXCHANGES = 40
ITEMS = {"function": 26, "inline": 14, "file": 14, "explanation": 8, "commit": 20, "command": 12, "error": 6}
SUMMARIZE = "Summarize our conversation so far in a few sentences."  # the engine's words (src/worker/prompts.ts)
SHORT_ITEMS = {"function": 10, "command": 60, "error": 10, "inline": 20}
NAMED = ("function", "file", "commit")  # what a summary says of these begins with their name


@dataclass(frozen=True)
class Item:
    """Sealed sequences, where their loss begins, whether each is read alone, later questions with answers, and what a
    summary says of it."""

    sealed: list[list[int]]
    loss_from: list[int]
    alone: list[bool]
    later: list[tuple[str, str]]
    gist: str = ""

    @property
    def size(self) -> int:
        return sum(map(len, self.sealed))


class Sessions(Examples):
    """Draws examples of one item (`explain`) and of many (`session`)."""

    def _explain(self) -> Example:
        """One to three items, then a question about one of them; loss on its answer."""
        items = [self._item(ITEMS) for _ in range(self._count(1, 3))]
        question, answer = self.random.choice(self.random.choice(items).later)
        return self._asked("explain", items, question, answer)

    def _summary(self) -> Example:
        """Up to six items, then a summary of all: what their authors say of each, in turn; loss on it."""
        room, items = self._room(768) - 200, [self._item(SHORT_ITEMS)]
        for item in [self._item(ITEMS) for _ in range(self._count(2, 7))]:
            if len(items) < 6 and sum(each.size for each in items) + item.size <= room:
                items.append(item)
        self.random.shuffle(items)
        return self._asked("summary", items, SUMMARIZE, " ".join(item.gist for item in items))

    def _asked(self, kind: str, items: list[Item], question: str, answer: str) -> Example:
        """Items, then a question; loss on its answer."""
        sealed = [ids for item in items for ids in item.sealed]
        alone = [flag for item in items for flag in item.alone]
        return self._silent(kind, sealed, alone, self._live(question, self.tokens.text(answer)))

    def _session(self) -> Example:
        """Up to 40 exchanges and chunks; a third of the exchanges ask about an earlier item, and the live one asks
        about any of them. Loss on the answers that need an earlier sequence."""
        room = self._room(256) - 160
        target = round(math.exp(self.random.uniform(math.log(3), math.log(MOST_EXCHANGES))))
        kinds = SHORT_ITEMS if room / target < 110 else ITEMS
        sealed: list[list[int]] = []
        loss_from: list[int] = []
        alone: list[bool] = []
        pending: list[tuple[str, str]] = []
        asked: list[tuple[str, str]] = []
        size = 0
        for _ in range(target):
            if pending and self.random.random() < 0.33:
                asked.append(pending.pop(self.random.randrange(len(pending))))
                ids, start = self._exchange(*asked[-1])
                if len(ids) > LONGEST_SEQUENCE:
                    continue
                parts = Item([ids], [start], [False], [])
            else:
                parts = self._item(kinds)
                if size + parts.size <= room or not sealed:
                    pending += self.random.sample(parts.later, min(2, len(parts.later)))
            if sealed and size + parts.size > room:
                break
            size += parts.size
            sealed += parts.sealed
            loss_from += parts.loss_from
            alone += parts.alone
        question, answer = self.random.choice(pending or asked)
        live, start = self._live(question, self.tokens.text(answer))
        return Example("session", self._context(sealed, alone, live), loss_from, start)

    def _item(self, kinds: dict[str, int]) -> Item:
        """One item of a kind drawn by `kinds`, its text at most a few sequences long."""
        kind = self.random.choices(list(kinds), list(kinds.values()))[0]
        row = self.random.choice(self.corpus.functions if kind == "function" else self.corpus.pairs[kind])
        named = f"`{row['name']}`: " if kind in NAMED else ""
        said = first_sentence(row["description" if kind == "function" else "answer"])
        return replace(getattr(self, f"_{kind}_item")(row), gist=named + said)

    def _function_item(self, row: dict) -> Item:
        name = row["name"]
        later = [(f"What is the parameter `{p['name']}` of `{name}`?", p["text"][:300]) for p in row["params"][:2]]
        if row["returns"]:
            later.append((f"What does `{name}` return?", row["returns"][:300]))
        head = row["code"].split("\n")[0].strip()
        later.append((f"How does the definition of `{name}` begin?", f"`{head[:160]}`"))
        later.append((f"What does `{name}` do?", row["description"]))
        later.append((f"Which file defines `{name}`?", row["path"]))
        if self.random.random() < 0.5:
            return self._chunk(row["path"], row["lang"], row["code"], later)
        shown = f"File: {row['path']}\n```{row['lang']}\n{row['code']}\n```"
        return self._told(f"Explain this:\n{shown}", row["description"], later)

    def _inline_item(self, row: dict) -> Item:
        later = [(f"What is `{row['name']}` for?", row["answer"]), (f"Explain `{row['name']}`.", row["answer"])]
        return self._chunk(row["path"], row["lang"], row["shown"], later)

    def _file_item(self, row: dict) -> Item:
        asked = (
            f"Summarize {row['path']}.",
            f"Summarize what {row['path']} is for and what it contains.",
            f"Explain what the code in {row['path']} does.",
        )
        named = self.random.choice((f"What is `{row['name']}` for?", f"Explain `{row['name']}`."))
        later = [(self.random.choice(asked), row["answer"]), (named, row["answer"])]
        return self._chunk(row["path"], row["lang"], row["shown"], later)

    def _explanation_item(self, row: dict) -> Item:
        later = [(f'Explain the solution of "{row["name"]}".', row["answer"])]
        shown = f'My solution of "{row["name"]}":\n```{row["lang"]}\n{row["shown"]}\n```'
        return self._told(shown, "I have read your solution.", later)

    def _commit_item(self, row: dict) -> Item:
        asked = f"Write a commit message for the change to {row['name']}"
        later = [(f"{asked}.", row["answer"]), (f"{asked}, in one line.", row["answer"].split("\n")[0])]
        if self.random.random() < 0.5:
            return self._chunk(row["path"], "diff", row["shown"], later)
        return self._read(self.tokens.text(f"```diff\n{row['shown']}\n```\n"), later)

    def _command_item(self, row: dict) -> Item:
        wanted = row["answer"].rstrip(".")
        wanted = wanted[:1].lower() + wanted[1:]
        command = f"`{row['shown']}`"
        later = [(f"Which command was it to {wanted}?", command), (f"What is {command} for?", wanted)]
        return self._told(f"How do I {wanted}?", command, later)

    def _error_item(self, row: dict) -> Item:
        short = row["answer"].split("\n\n")[0][:300]
        later = [(f"What did `{row['name'][:160]}` mean?", short)]
        return self._told(f"What does this mean?\n{row['name'][:300]}\n```\n{row['shown'][:500]}\n```", short, later)

    def _told(self, question: str, answer: str, later: list[tuple[str, str]]) -> Item:
        """An exchange; loss on its answer too."""
        ids, start = self._exchange(question, answer)
        return self._cut(ids, start, [False], later)

    def _chunk(self, path: str, language: str, code: str, later: list[tuple[str, str]]) -> Item:
        """A file chunk."""
        return self._read(self.tokens.file(path, language, code), later)

    def _read(self, ids: list[int], later: list[tuple[str, str]]) -> Item:
        """Text that is read, half of the time alone, in pieces of a drawn length."""
        return self._cut(ids, len(ids), [self.random.random() < 0.5], later)

    def _cut(self, ids: list[int], start: int, alone: list[bool], later: list[tuple[str, str]]) -> Item:
        """Pieces of at most a drawn length; a piece's loss begins where the answer does."""
        longest = self._sequence_length() if start == len(ids) else LONGEST_SEQUENCE
        longest = max(longest, -(-len(ids) // 12))
        longest = min(longest, LONGEST_SEQUENCE)
        sealed = [ids[i : i + longest] for i in range(0, len(ids), longest)]
        loss = [min(len(piece), max(1, start - i * longest)) for i, piece in enumerate(sealed)]
        return Item(sealed, loss, alone * len(sealed), later)


def first_sentence(text: str) -> str:
    """The first sentence of what authors say, with a full stop."""
    line = text.strip().split("\n")[0]
    end = re.search(r"[.!?](?=\s|$)", line)
    sentence = (line[: end.end()] if end else line)[:300].rstrip(" :;,")
    return sentence if sentence[-1:] in ".!?" else f"{sentence}."
