"""Step 1b: let the base itself answer, so that training can hold the adapter to its way of answering.

    python teacher.py --work WORK            writes WORK/teacher/questions.jsonl
    npm run --silent cli -- batch WORK/teacher/questions.jsonl WORK/teacher/answers.jsonl --package BASE_PACKAGE

Asked are questions.txt as they stand, and questions about functions of the train split with their code before them,
kept whole. The answers are the base's, by full attention: no row's text is a person's.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

from corpus import Corpus

STYLES = (
    "What does `{name}` do?",
    "Explain `{name}` step by step.",
    "What does `{name}` return?",
    "How would you improve `{name}`?",
    "Explain this {lang} code.",
    "Summarize {path}.",
    "Write a test for `{name}`.",
    "Where could this code fail?",
    "What is this code for?",
    "What are the parameters of `{name}`?",
)
LONGEST_CODE = 800  # characters


def rows(corpus: Corpus, questions: list[str], functions: int, generator: random.Random) -> list[dict]:
    """Rows of the CLI's `batch`: general questions, then `functions` questions about code."""
    found = [{"chunks": [], "question": question} for question in questions]
    short = [row for row in corpus.functions if len(row["code"]) <= LONGEST_CODE]
    for row in generator.sample(short, min(functions, len(short))):
        first = generator.randint(1, 400)
        header = f"File: {row['path']}, lines {first}-{first + row['code'].count(chr(10))}"
        chunk = f"{header}\n```{row['lang']}\n{row['code']}\n```\n"
        found.append({"chunks": [chunk], "question": generator.choice(STYLES).format(**row)})
    return [{"id": number, "mode": "full", "maxTokens": 96, **row} for number, row in enumerate(found)]


def main() -> None:
    """Write the questions."""
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--work", type=Path, required=True, help="folder made by prepare.py")
    a.add_argument("--functions", type=int, default=200)
    options = a.parse_args()
    general = (Path(__file__).parent / "questions.txt").read_text(encoding="utf8").splitlines()
    asked = rows(Corpus(options.work, "train"), general, options.functions, random.Random(0))
    folder = options.work / "teacher"
    folder.mkdir(exist_ok=True)
    with open(folder / "questions.jsonl", "w", encoding="utf8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in asked)
    print(f"{len(asked)} questions in {folder / 'questions.jsonl'}")


if __name__ == "__main__":
    main()
