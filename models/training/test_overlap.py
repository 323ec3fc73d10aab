"""The check that no training row shares 12 words with what measures: python -m unittest test_overlap"""

from __future__ import annotations

import contextlib
import io
import json
import lzma
import tempfile
import unittest
from pathlib import Path

from overlap import Grams, check, held_out

HELD = "The quick brown fox jumps over the lazy dog, and then it sleeps all day long."


def pack(path: Path, rows: list[dict]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with lzma.open(path, "wt", encoding="utf8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


class OverlapTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def grams(self) -> Grams:
        pack(self.folder / "eval/quiz.jsonl.xz", [{"id": "a", "question": HELD, "choices": ["one", "two"]}])
        test = "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu"
        rows = [{"split": "test", "text": test}, {"split": "train", "text": "free " + " ".join("abcdefghijklmn")}]
        pack(self.folder / "pretrain/source.jsonl.xz", rows)
        return held_out(self.folder)

    def test_finds_twelve_words_in_a_row(self) -> None:
        grams = self.grams()
        self.assertIsNotNone(grams.shared({"text": f"Once: {HELD}"}))
        self.assertEqual(
            grams.shared({"turns": ["no", "QUICK-brown fox\njumps (over) the lazy dog and then it sleeps, right?"]}),
            "quick brown fox jumps over the lazy dog and then it sleeps",
        )

    def test_eleven_words_are_free(self) -> None:
        grams = self.grams()
        eleven = "brown fox jumps over the lazy dog and then it sleeps"
        self.assertIsNone(grams.shared({"text": f"{eleven}; {eleven}"}))
        self.assertIsNone(grams.shared({"text": "alpha beta gamma", "code": "delta epsilon zeta eta theta iota kappa"}))

    def test_holds_the_test_split_and_nothing_of_the_train_split(self) -> None:
        grams = self.grams()
        call = "x(alpha, beta, gamma, delta, epsilon, zeta, eta, theta, iota, kappa, lambda, mu)"
        self.assertIsNotNone(grams.shared({"code": call}))
        self.assertIsNone(grams.shared({"text": "free " + " ".join("abcdefghijklmn")}))

    def test_paths_and_licences_are_no_text(self) -> None:
        self.assertIsNone(self.grams().shared({"path": HELD, "licence": HELD, "text": "short"}))

    def test_counts_prints_and_drops(self) -> None:
        grams, path = self.grams(), self.folder / "rows.jsonl"
        path.write_text("".join(json.dumps({"text": text}) + "\n" for text in ("fine", HELD, "fine too")), "utf8")
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            self.assertEqual(check(grams, path), (3, 1))
            self.assertEqual(check(grams, path, drop=True), (3, 1))
            self.assertEqual(check(grams, path), (2, 0))
        self.assertIn("rows.jsonl:2: the quick brown fox", printed.getvalue())

    def test_damaged_and_missing_corpora_are_named(self) -> None:
        with self.assertRaisesRegex(SystemExit, "neither eval/ nor rows of split test"):
            held_out(self.folder)
        path = self.folder / "eval/cut.jsonl.xz"
        pack(path, [{"text": HELD * 50}])
        path.write_bytes(path.read_bytes()[:60])
        with self.assertRaisesRegex(SystemExit, "cut.jsonl.xz is damaged"):
            held_out(self.folder)


if __name__ == "__main__":
    unittest.main()
