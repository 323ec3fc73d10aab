"""Step 3c: teach the scorer of the choice `learned`.

    python train_scorer.py --work WORK --adapter ADAPTER --out RUN [--examples 1500] [--epochs 6]

First it reads examples of the tasks with full attention, the adapter on, and notes how much the answer takes from each
token of the sealed sequences (the largest probability over the answer's queries, times the relative norm of the
token's value, averaged over layers and heads: score.py), and the token's values where the sequence is read by itself.
Then it fits softmax(scores) of a sequence to its share of that by cross-entropy; a sequence weighs as much as what it
gave. Rows are kept in RUN, 100 examples a file: stopped, it goes on where it was. The first file is held out, so that
runs of more examples are measured on the same ones. Writes ADAPTER/anchor_scorer.safetensors, makes `learned` the
choice that ADAPTER/anchor_config.json declares, and writes RUN/scorer.json with the losses.
"""

from __future__ import annotations

import argparse
import math
import random
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from adapter import read_anchor_config
from checkpoint import check_work
from corpus import Corpus
from evaluate import load
from examples import Example
from export import write_json
from model import AnchorDecoder
from score import taken_by_answer
from scorer import AnchorScorer, token_values, values_width, write_scorer
from tasks import Tasks
from text import Tokens

MIX = {
    "repeat": 6, "value": 10, "line": 5, "function": 10, "explain": 12, "turns": 12, "session": 22, "summary": 4,
    "dialogue": 4, "continue": 15,
}  # fmt: skip
LIMITS, PART = (300, 500, 800), 100
GROUP, SHORTEST = 32, 8


@dataclass(frozen=True)
class Taken:
    """One sequence: values [n, width] float16, and what an answer took from its tokens [n]."""

    kind: str
    values: Tensor
    taken: Tensor


def drawn(tasks: Tasks) -> Example:
    """An example whose answer has something to look for."""
    while True:
        tasks.limit = tasks.random.choice(LIMITS)
        example = tasks.draw(tasks.random.choices(list(MIX), list(MIX.values()))[0])
        if example.size <= 1024 and sum(map(len, example.context.sealed)) >= 40:
            return example


def collect(model: AnchorDecoder, work: Path, tokens: Tokens, folder: Path, count: int) -> list[list[Taken]]:
    """The sequences of `count` examples, PART examples a list; what was collected before is read from the disk."""
    corpus, found = Corpus(work, "train"), []
    for number in range(count // PART):
        path = folder / f"taken-{number}.pt"
        if not path.is_file():
            tasks = Tasks(corpus, tokens, random.Random(f"scorer/{number}"))
            part = [row for _ in range(PART) for row in taken_of(model, drawn(tasks))]
            torch.save(part, path.with_suffix(".new"))
            path.with_suffix(".new").replace(path)
            print(f"{(number + 1) * PART} of {count} examples", flush=True)
        found.append([Taken(*row) for row in torch.load(path)])
    return found


def taken_of(model: AnchorDecoder, example: Example) -> list[tuple[str, Tensor, Tensor]]:
    """The fields of `Taken` for every sequence that is long enough to choose of."""
    sealed = example.context.sealed
    values = token_values(model, example.context.prefix, sealed)
    rows = zip(values, taken_by_answer(model, example.context, example.live_loss_from))
    return [(example.kind, v.half().cpu(), a) for v, a in rows if len(a) >= SHORTEST]


def loss_of(net: nn.Module, group: list[Taken]) -> Tensor:
    """Mean cross-entropy between the scores' softmax and the tokens' shares of what was taken."""
    scores = net(torch.cat([row.values for row in group]).float()).split([len(row.taken) for row in group])
    weights = [float(row.taken.sum()) for row in group]
    parts = [-(row.taken * s.log_softmax(0)).sum() for row, s in zip(group, scores)]
    return torch.stack(parts).sum() / sum(weights)


@torch.no_grad()
def held_figures(net: nn.Module, held: list[Taken], ratio: int = 8) -> dict[str, float]:
    """Loss, and per task how much of what one token in `ratio` could give the chosen ones give."""
    groups = [held[i : i + GROUP] for i in range(0, len(held), GROUP)]
    found = {"loss": sum(loss_of(net, group).item() for group in groups) / len(groups)}
    for kind in sorted({row.kind for row in held}):
        rows = [row for row in held if row.kind == kind]
        counts = [math.ceil(len(row.taken) / ratio) for row in rows]
        best = [row.taken.topk(k).values.sum().item() for row, k in zip(rows, counts)]
        chosen = [row.taken[net(row.values.float()).topk(k).indices].sum().item() for row, k in zip(rows, counts)]
        found[kind] = sum(chosen) / sum(best)
    return {name: round(value, 3) for name, value in found.items()}


class Normed(nn.Module):
    """The scorer over values of mean 0 and deviation 1, as it is trained; `folded` is the same over plain values."""

    def __init__(self, inputs: int, hidden: int, sample: Tensor) -> None:
        super().__init__()
        self.scorer, self.drop = AnchorScorer(inputs, hidden), nn.Dropout(0.1)
        self.register_buffer("mean", sample.mean(0))
        self.register_buffer("deviation", sample.std(0) + 1e-3)

    def forward(self, values: Tensor) -> Tensor:
        return self.scorer(self.drop((values - self.mean) / self.deviation))

    def folded(self) -> AnchorScorer:
        plain = AnchorScorer(self.scorer.hidden.in_features, self.scorer.hidden.out_features)
        weight = self.scorer.hidden.weight / self.deviation
        state = {"hidden.weight": weight, "hidden.bias": self.scorer.hidden.bias - weight @ self.mean}
        plain.load_state_dict(state | {"output.weight": self.scorer.output.weight})
        return plain


def fit(
    held: list[Taken], train: list[Taken], inputs: int, hidden: int, epochs: int, rate: float
) -> tuple[AnchorScorer, list[dict]]:
    """The scorer, and its figures on `held` after every epoch; `train` is shuffled."""
    torch.manual_seed(0)
    shuffle = random.Random(0)
    sample = torch.cat([row.values.float() for row in shuffle.sample(train, min(300, len(train)))])
    net = Normed(inputs, hidden, sample)
    optimiser = torch.optim.AdamW(net.parameters(), lr=rate, weight_decay=0.1)
    steps = epochs * math.ceil(len(train) / GROUP)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps)
    log = []
    for epoch in range(epochs):
        shuffle.shuffle(train)
        net.train()
        for start in range(0, len(train), GROUP):
            optimiser.zero_grad()
            loss_of(net, train[start : start + GROUP]).backward()
            optimiser.step()
            schedule.step()
        net.eval()
        log.append({"epoch": epoch + 1, **held_figures(net, held)})
        print(log[-1], flush=True)
    return net.folded(), log


def main(arguments: list[str] | None = None) -> None:
    """Collect, fit, write."""
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--work", type=Path, required=True, help="folder made by prepare.py")
    a.add_argument("--adapter", type=Path, required=True, help="adapter folder whose decoder is scored")
    a.add_argument("--out", type=Path, required=True)
    a.add_argument("--examples", type=int, default=1500)
    a.add_argument("--hidden", type=int, default=64)
    a.add_argument("--epochs", type=int, default=6)
    a.add_argument("--lr", type=float, default=1e-3)
    options = a.parse_args(arguments)
    if options.examples < 2 * PART:
        raise SystemExit(f"--examples {options.examples}: {2 * PART} at least, of which {PART} are held out")
    check_work(options.work)
    options.out.mkdir(parents=True, exist_ok=True)
    tokens = Tokens(options.work / "base" / "tokenizer.json")
    model = load(options.work / "base", options.adapter, torch.bfloat16)
    held, *parts = collect(model, options.work, tokens, options.out, options.examples)
    train = [row for part in parts for row in part]
    scorer, log = fit(held, train, values_width(model), options.hidden, options.epochs, options.lr)
    write_scorer(scorer, options.adapter)
    declared = read_anchor_config(options.adapter)
    choices = [choice for choice in declared["choices"] if choice != "learned"]
    declared |= {"choice": "learned", "choices": [*choices, "learned"]}
    write_json(options.adapter / "anchor_config.json", declared)
    counts = {"examples": options.examples, "sequences": len(held) + len(train)}
    write_json(options.out / "scorer.json", {**counts, "epochs": log})


if __name__ == "__main__":
    main()
