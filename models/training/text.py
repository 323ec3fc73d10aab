"""Text to tokens, in the layout that training, the converter and the engine share.

Markup (`<|im_start|>` ...) comes from here alone. Text from outside is tokenised with special tokens not parsed, so
a file that holds the string "<|im_end|>" stays text.
"""

from __future__ import annotations

from pathlib import Path

from tokenizers import Tokenizer

DEFAULT_SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"
REPEAT_REQUEST = "Repeat the previous context exactly."


class Tokens:
    """The tokenizer with the chat template's pieces."""

    def __init__(self, path: Path) -> None:
        self._tokenizer = Tokenizer.from_file(str(path))
        self._tokenizer.encode_special_tokens = True
        self._start = self._tokenizer.token_to_id("<|im_start|>")
        self._end = self._tokenizer.token_to_id("<|im_end|>")
        self._newline = self.text("\n")
        self.repeat = self.ask(REPEAT_REQUEST)
        self.stop = [self._end]

    def text(self, text: str) -> list[int]:
        """Ids of text from outside."""
        return self._tokenizer.encode(text, add_special_tokens=False).ids

    def singles(self, texts: list[str]) -> list[int]:
        """The id of each text, which has to be one token."""
        found = [self.text(text) for text in texts]
        for text, ids in zip(texts, found):
            if len(ids) != 1:
                raise SystemExit(f"{text!r} is {len(ids)} tokens of this tokenizer; an endpoint has to be one")
        return [ids[0] for ids in found]

    def decode(self, ids: list[int]) -> str:
        """Text of ids, special tokens kept."""
        return self._tokenizer.decode(ids, skip_special_tokens=False)

    def pinned(self, system: str = DEFAULT_SYSTEM) -> list[int]:
        """`<|im_start|>system\\n{system}<|im_end|>\\n`"""
        return [self._start, *self.text(f"system\n{system}"), self._end, *self._newline]

    def ask(self, question: str) -> list[int]:
        """`<|im_start|>user\\n{question}<|im_end|>\\n<|im_start|>assistant\\n`"""
        user = [self._start, *self.text(f"user\n{question}"), self._end, *self._newline]
        return [*user, self._start, *self.text("assistant\n")]

    def answer(self, answer: str) -> list[int]:
        """`{answer}<|im_end|>\\n`: what closes an exchange."""
        return [*self.text(answer), self._end, *self._newline]

    def file(self, path: str, language: str, code: str) -> list[int]:
        """A file chunk: raw text, no chat markers."""
        return self.text(f"File: {path}\n```{language}\n{code}\n```\n")
