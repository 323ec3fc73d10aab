"""What the adapter practises: contexts whose end needs something that only the anchors still hold.

repeat     word for word, one of several passages          function   describe a function read before
value      a value stated in one of several chunks         line       the line of code after another
turns      later questions about one earlier exchange      session    up to 40 exchanges and chunks
explain    what authors say of code, changes, commands, errors
summary    what was said of all items of a session
dialogue   task dialogues, every answer                    continue   the next tokens of code or prose
chat       an answer of the base itself: material to keep its way of answering, not to learn from

Sealed sequences come in the three forms that the engine makes: exchanges, file chunks and raw chunks.
"""

from __future__ import annotations

from examples import LONGEST_SEQUENCE, SHORTEST_SEQUENCE, Example
from sessions import Sessions

RECALL = {"repeat": 8, "value": 10, "line": 4}  # exact recall is the small part: it is learned apart from the rest
MIX = RECALL | {
    "function": 12, "explain": 14, "turns": 8, "session": 18, "summary": 4, "dialogue": 6, "continue": 16,
}  # fmt: skip
OPEN_QUESTIONS = (
    "What is {a}?",
    "What is the {a} of {b}?",
    "What is the {a} {b}?",
    "Who made the first {a}?",
    "What does {a} mean?",
    "What is the difference between {a} and {b}?",
    "Explain {a} in simple words.",
    "How do I use {a} with {b}?",
    "Give me an example of {a}.",
    "Why would I choose {a} over {b}?",
    "Write a short text about {a} and {b}.",
    "Tell me more about {a}.",
)


class Tasks(Sessions):
    """Draws whole examples."""

    def draw(self, kind: str) -> Example:
        """One example of `kind`."""
        return getattr(self, f"_{kind}")()

    def _repeat(self) -> Example:
        count, form = self._count(1, 4), self.random.choice(("raw", "raw", "file", "exchange"))
        size = self.random.choice((60, 120, 200, 320)) if count < 4 else self.random.choice((60, 120, 200))
        wanted = self.random.randrange(count)
        sealed, answers, questions = [], [], []
        for number in range(1, count + 1):
            if form == "file":
                row, ids, code, _ = self._file(size)
                sealed.append(ids)
                answers.append(f"```{row['lang']}\n{code}\n```")
                questions.append(f"Repeat the code of {row['path']}.")
                continue
            text = self._excerpt(size)[1]
            if form == "raw":
                sealed.append(self.tokens.text(f"Passage {number}:\n{text}\n"))
            else:
                sealed.append(self._exchange(f"Passage {number}:\n{text}", f"I have read passage {number}.")[0])
            answers.append(text)
            questions.append(f"Repeat passage {number}." if count > 1 else "Repeat the passage.")
        alone = form != "exchange" and self.random.random() < 0.5
        live = self._live(questions[wanted], self.tokens.text(answers[wanted]))
        return self._silent("repeat", sealed, [alone] * count, live)

    def _line(self) -> Example:
        """The line of code that follows another, of one of a few file chunks."""
        while True:
            files = [self._file(self.random.choice((200, 400, 800))) for _ in range(self._count(1, 3))]
            row, _, code, _ = self.random.choice(files)
            lines = [line for line in code.split("\n") if len(line.strip()) > 8]
            once = [n for n, line in enumerate(lines[:-1]) if lines.count(line) == 1]
            if once:
                break
        at = self.random.choice(once)
        question = f"Which line of {row['path']} comes after `{lines[at].strip()}`?"
        alone = self.random.random() < 0.5
        live = self._live(question, self.tokens.text(f"`{lines[at + 1].strip()}`"))
        return self._silent("line", [ids for _, ids, _, _ in files], [alone] * len(files), live)

    def _function(self) -> Example:
        count, form = self._count(1, 4), self.random.choice(("raw", "file", "exchange"))
        picked = [self.random.choice(self.corpus.functions) for _ in range(count)]
        sealed = []
        for row in picked:
            if form == "exchange":
                question = f"What does this {row['lang']} code do?\n```{row['lang']}\n{row['code']}\n```"
                ids = self._exchange(question, "It defines `" + row["name"] + "`.")[0]
            elif form == "file":
                ids = self.tokens.file(row["path"], row["lang"], row["code"])
            else:
                ids = self.tokens.text(f"```{row['lang']}\n{row['code']}\n```\n")
            sealed += [ids[i : i + LONGEST_SEQUENCE] for i in range(0, len(ids), LONGEST_SEQUENCE)]
        wanted = self.random.choice(picked)
        style = self.random.choice(("What does `{}` do?", "Explain `{}`.", "What is the purpose of `{}`?"))
        alone = form != "exchange" and self.random.random() < 0.5
        live = self._live(style.format(wanted["name"]), self.tokens.text(wanted["description"]))
        return self._silent("function", sealed, [alone] * len(sealed), live)

    def _value(self) -> Example:
        count, form = self._count(2, 6), self.random.choice(("raw", "raw", "exchange", "code"))
        pairs, sealed = [], []
        for _ in range(count):
            joined = f"{self._word()}_{self._word()}"
            value = self.random.choice((str(self.random.randrange(10, 9999)), self._word(), joined))
            if form == "code":
                upper, camel = joined.upper(), f"{self._word()}{self._word().title()}"
                name = upper if value != joined and self.random.random() < 0.5 else camel
                literal = value if value.isdigit() else f'"{value}"'
                lines = self._excerpt(self.random.choice((80, 160, 300)), code=True)[1].split("\n")
                lines.insert(self.random.randint(0, len(lines)), f"const {name} = {literal};")
                path = f"src/{self._word()}/{self._word()}.ts"
                ids = self.tokens.file(path, "typescript", "\n".join(lines))
            else:
                name = f"{self._word()} {self._word()}"
                statement = self.random.choice(
                    ("The {k} is {v}.", "Set {k} to {v}.", "{k} = {v}", 'I call the {k} "{v}".', "Remember: {k}: {v}.")
                ).format(k=name, v=value)
                filler = self._excerpt(self.random.choice((40, 80, 160)))[1]
                text = f"{statement} {filler}" if self.random.random() < 0.5 else f"{filler} {statement}"
                if form == "exchange":
                    reply = self.random.choice(("Noted.", "I will remember that.", "Understood."))
                    ids = self._exchange(text, reply)[0]
                else:
                    ids = self.tokens.text(text + "\n")
            pairs.append((name, value))
            sealed.append(ids[:LONGEST_SEQUENCE])
        name, value = self.random.choice(pairs)
        question = f"What is the value of `{name}`?" if form == "code" else f"What is the {name}?"
        alone = form != "exchange" and self.random.random() < 0.5
        return self._silent("value", sealed, [alone] * count, self._live(question, self.tokens.text(value)))

    def _turns(self) -> Example:
        """Code in the first exchanges, then questions that name the function only; loss on every later answer."""
        picked = [self.random.choice(self.corpus.functions) for _ in range(self._count(1, 3))]
        sealed, loss, later = [], [], []
        for row in picked:
            shown = f"```{row['lang']}\n{row['code']}\n```"
            ids, start = self._exchange(f"Explain this:\n{shown}", row["description"])
            for piece in range(0, len(ids), LONGEST_SEQUENCE):
                sealed.append(ids[piece : piece + LONGEST_SEQUENCE])
                loss.append(max(1, start - piece) if start < piece + LONGEST_SEQUENCE else LONGEST_SEQUENCE)
            name = row["name"]
            later += [(f"What is the parameter `{p['name']}` of `{name}`?", p["text"]) for p in row["params"][:2]]
            if row["returns"]:
                later.append((f"What does `{name}` return?", row["returns"]))
            head = row["code"].split("\n")[0].strip()
            later.append((f"How does the definition of `{name}` begin?", f"`{head[:160]}`"))
            later.append((f"What is `{name}` for?", row["description"]))
        self.random.shuffle(later)
        later = later[: self._count(2, 3)]
        for question, answer in later[:-1]:
            ids, start = self._exchange(question, answer[:300])
            sealed.append(ids[:LONGEST_SEQUENCE])
            loss.append(start)
        live, start = self._live(later[-1][0], self.tokens.text(later[-1][1][:300]))
        return Example("turns", self._context(sealed, [False] * len(sealed), live), loss, start)

    def _dialogue(self) -> Example:
        turns = self.random.choice(self.corpus.dialogues)["turns"]
        pairs = list(zip(turns[::2], turns[1::2]))[: self._count(4, 8)]
        closed = [self._exchange(question, answer) for question, answer in pairs[:-1]]
        live, start = self._live(pairs[-1][0], self.tokens.text(pairs[-1][1]))
        sealed = [ids for ids, _ in closed]
        return Example("dialogue", self._context(sealed, [False] * len(sealed), live), [s for _, s in closed], start)

    def _continue(self) -> Example:
        """Code or prose cut into sequences of drawn lengths; loss on all but the first, or, where they are read alone,
        on the live text alone. Half of what has a file's header is read alone."""
        room = self._room(128)
        row, text, _ = self._excerpt(room * 4)
        filed = row["code"] and self.random.random() < 0.5
        ids = self.tokens.text(f"File: {row['path']}\n```{row['lang']}\n{text}" if filed else text)[:room]
        live_size = max(1, min(len(ids) // 3, self.random.choice((48, 96))))
        alone = self.random.random() < (0.5 if filed else 0.1)
        sealed, start = [], 0
        while start < len(ids) - live_size:
            end = min(start + self._sequence_length(), len(ids) - live_size)
            end = len(ids) - live_size if len(ids) - live_size - end < SHORTEST_SEQUENCE // 2 else end
            sealed.append(ids[start:end][:LONGEST_SEQUENCE])
            start = end
        loss = [len(piece) if alone or number == 0 else 1 for number, piece in enumerate(sealed)]
        return Example("continue", self._context(sealed, [alone] * len(sealed), ids[-live_size:]), loss, 1)

    def _chat(self) -> Example:
        """An answer of the base to an open question or to one about code before it, up to three exchanges earlier.
        Some answers are text that answers nothing, short, so that their first words weigh much."""
        if not self.corpus.chats or self.random.random() < 0.3:
            question, answer = self._open_question()
            live, sealed = self.tokens.ask(question), []
            start = len(live)
            live += self.tokens.text(answer)
        else:
            row = self.random.choice(self.corpus.chats)
            sealed = [self.tokens.text(chunk)[:LONGEST_SEQUENCE] for chunk in row["chunks"]]
            answer = self.tokens.text(row["answer"])
            live, start = self._live(row["question"], answer)
            cut_off = len(answer) >= row["maxTokens"] - 2
            live = live[: -len(self.tokens.stop)] if cut_off else live
        earlier = [self._exchange(*self._earlier())[0] for _ in range(self.random.choice((0, 0, 1, 2, 3)))]
        sealed = [ids[:LONGEST_SEQUENCE] for ids in earlier] + sealed
        return Example("chat", self._context(sealed, [False] * len(sealed), live), list(map(len, sealed)), start)

    def _earlier(self) -> tuple[str, str]:
        general = [row for row in self.corpus.chats if not row["chunks"]]
        if not general:
            return self._open_question()
        row = self.random.choice(general)
        return row["question"], row["answer"]

    def _open_question(self) -> tuple[str, str]:
        if self.random.random() < 0.25:
            row = self.random.choice(self.corpus.functions)
            wanted = row["description"].rstrip(".")
            question = f"Write a {row['lang']} function: {wanted[:1].lower()}{wanted[1:]}."
            return question, f"```{row['lang']}\n{row['code'][:200]}"
        question = self.random.choice(OPEN_QUESTIONS).format(a=self._word(), b=self._word())
        return question, self._excerpt(self.random.choice((60, 120, 200)))[1]
