"""One run's model, optimiser, task stream and clock."""

from __future__ import annotations

import argparse
import json
import math
import random

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor

from adapter import read_weights, write_weights
from base import read_decoder
from batches import IGNORED, Plan, build, group_by_length
from checkpoint import load_checkpoint, save_checkpoint
from corpus import Corpus
from examples import Example
from export import write_json
from layout import Rules, run
from model import AnchorDecoder, Anchoring, DecoderConfig
from tasks import MIX, Tasks
from text import Tokens

CHOICES = {"stride": 40, "window": 40, "attention": 20}
FULL_SHARE = 0.08  # rows read whole, with the task's own loss
DISTIL_SHARE = 0.5  # of the batches held to the base, those that are read through anchors
OPENING, OPENING_WEIGHT = 4, 8.0  # the first tokens of a text held to the base decide its manner
KEPT_KINDS = ("continue", "dialogue", "chat", "chat", "chat", "chat")


def row_losses(losses: Tensor, targets: Tensor) -> tuple[Tensor, list[float]]:
    """The batch's loss from per-token losses [B, T]: row means weighted by the square root of their lengths, so
    that three tokens of a value count beside three hundred of a continuation. Also the row means."""
    asked = targets != IGNORED
    counts = asked.sum(1).clamp(min=1)
    means = (losses * asked).sum(1) / counts
    weights = counts.float().sqrt() * asked.any(1)
    return (means * weights).sum() / weights.sum(), means.tolist()


class Trainer:
    """`rank` of `world` processes; each draws its own examples and gradients are averaged."""

    def __init__(self, options: argparse.Namespace, rank: int, world: int, device: str) -> None:
        self.options, self.rank, self.world, self.device = options, rank, world, device
        self.rules = Rules(anchors_see_anchors=not options.strict, positions=options.positions)
        self.tokens = Tokens(options.work / "base" / "tokenizer.json")
        anchoring = Anchoring(options.scheme, options.rank, options.rank, added=int(options.scheme == "AC"))
        torch.manual_seed(options.seed)
        config, weights = read_decoder(options.work / "base")
        self.model = AnchorDecoder(DecoderConfig.of(config), weights, anchoring, torch.bfloat16).to(device)
        if options.init:
            read_weights(self.model, options.init)
        self.random = random.Random(options.seed * 1000 + rank)
        self.tasks = Tasks(Corpus(options.work, "train"), self.tokens, self.random)
        self.parameters = self.model.trainable()
        marks = [v for name, v in self.parameters.items() if name == "anchor_embedding"]
        others = [v for name, v in self.parameters.items() if name != "anchor_embedding"]
        groups = [{"params": others, "peak": options.lr}, {"params": marks, "peak": options.lr * 3}]
        self.optimiser = torch.optim.AdamW(groups, lr=options.lr, betas=(0.9, 0.98), weight_decay=0.01, fused=True)
        if options.compile:
            for block in self.model.blocks:
                block.compile(dynamic=True)
        self.step, self.seen, self.minutes = 0, 0, 0.0
        self.queue: list[list[Example]] = []
        self.recent: dict[str, list[float]] = {}

    def describe(self) -> None:
        """Write RUN/options.json: what export.py has to know of this run."""
        o = self.options
        learned = {"scheme": o.scheme, "ratios": o.ratios, "strict": o.strict, "positions": o.positions}
        write_json(o.out / "options.json", {**learned, "vocab_size": self.model.config.vocab_size})

    def progress(self) -> float:
        """How far the run is, 0..1."""
        return max(self.minutes / self.options.minutes, self.seen / self.options.tokens)

    def next_group(self) -> list[Example]:
        """The next batch of examples; a pool of them is drawn and sorted by length at a time."""
        while not self.queue:
            drawn = [self.tasks.draw() for _ in range(96)]
            fitting = [example for example in drawn if example.size <= self.options.longest]
            self.queue = group_by_length(fitting, self.options.budget, self.random)
        return self.queue.pop()

    def plan(self) -> Plan:
        """How one row is read."""
        if self.random.random() < FULL_SHARE:
            return Plan("full", 1)
        choice = self.random.choices(list(CHOICES), list(CHOICES.values()))[0]
        return Plan(choice, self.random.choice(self.options.ratios))

    def anchored_loss(self) -> tuple[Tensor, int]:
        """Cross-entropy of a batch read through anchors, and the batch's text tokens."""
        examples = self.next_group()
        plans = [self.plan() for _ in examples]
        layers = self.options.score_layers
        batch, targets = build(self.model, self.tokens, examples, plans, self.rules, score_layers=layers)
        hidden, targets = run(self.model, batch, self.device), targets.to(self.device)
        asked = targets != IGNORED
        losses = torch.zeros(targets.shape, device=self.device)
        logits = self.model.logits(hidden[asked]).float()
        losses = losses.masked_scatter(asked, F.cross_entropy(logits, targets[asked], reduction="none"))
        loss, means = row_losses(losses, targets)
        for example, mean in zip(examples, means):
            self.recent.setdefault(example.kind, []).append(mean)
        return loss, sum(example.size for example in examples)

    def keeping_loss(self) -> tuple[Tensor, int]:
        """KL(base || adapter) where the base reads the text whole, and the adapter whole ("keep", so that the base's
        ability stays) or through anchors ("distil"); and text tokens. Added anchors move tokens: scheme AC has no
        distil."""
        kinds = [self.random.choice(KEPT_KINDS) for _ in range(40)]
        pool = [example for example in map(self.tasks.draw, kinds) if example.size <= self.options.longest]
        examples = self.random.choice(group_by_length(pool, self.options.budget, self.random))
        whole = [Plan("full", 1)] * len(examples)
        batch, targets = build(self.model, self.tokens, examples, whole, self.rules)
        asked = (targets != IGNORED).to(self.device)
        self.model.enable_lora(False)
        with torch.no_grad():
            wanted = self.model.logits(run(self.model, batch, self.device)[asked]).float().log_softmax(-1)
        self.model.enable_lora(True)
        distil = self.options.scheme == "mark" and self.random.random() < DISTIL_SHARE
        if distil:
            plans = [self.plan() for _ in examples]
            layers = self.options.score_layers
            batch, _ = build(self.model, self.tokens, examples, plans, self.rules, score_layers=layers)
        logits = self.model.logits(run(self.model, batch, self.device)[asked]).float()
        losses = F.kl_div(logits.log_softmax(-1), wanted, reduction="none", log_target=True).sum(-1)
        weights = torch.where(asked.cumsum(1)[asked] <= OPENING, OPENING_WEIGHT, 1.0)
        loss = (losses * weights).sum() / weights.sum()
        self.recent.setdefault("distil" if distil else "keep", []).append(loss.item())
        return loss, sum(example.size for example in examples)

    def update(self) -> float:
        """One optimiser step; the gradient's norm before clipping. A step whose gradient is not finite is left out."""
        loss, size = self.keeping_loss() if self.random.random() < self.options.keep_share else self.anchored_loss()
        loss.backward()
        if self.world > 1:
            size = self._average(size)
        self.seen += size
        norm = torch.nn.utils.clip_grad_norm_(self.parameters.values(), 1.0).item()
        warm = min(1.0, (self.step + 1) / self.options.warm_up)
        scale = warm * (0.1 + 0.45 * (1 + math.cos(math.pi * min(1.0, self.progress()))))
        for group in self.optimiser.param_groups:
            group["lr"] = group["peak"] * scale
        if math.isfinite(norm):
            self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        self.step += 1
        return norm

    def _average(self, size: int) -> int:
        """Average gradients over processes; the sum of their text tokens."""
        for value in self.parameters.values():
            value.grad = torch.zeros_like(value) if value.grad is None else value.grad
            dist.all_reduce(value.grad)
            value.grad /= self.world
        total = torch.tensor(size, device=self.device)
        dist.all_reduce(total)
        return int(total)

    def report(self, **extra: object) -> None:
        """Append one line to RUN/log.jsonl: the mean losses since the last one."""
        means = {kind: round(sum(values) / len(values), 4) for kind, values in sorted(self.recent.items())}
        self.recent = {}
        line = {"step": self.step, "tokens": self.seen, "minutes": round(self.minutes, 2), "loss": means, **extra}
        with open(self.options.out / "log.jsonl", "a", encoding="utf8") as log:
            log.write(json.dumps(line) + "\n")
        print(json.dumps(line), flush=True)

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Mean loss per task on the same few validation examples, anchors by window at ratio 8."""
        tasks = Tasks(Corpus(self.options.work, "valid"), self.tokens, random.Random(7))
        found = {}
        for kind in MIX:
            examples = [e for e in (tasks.draw(kind) for _ in range(8)) if e.size <= self.options.longest]
            total = count = 0.0
            for group in group_by_length(examples, self.options.budget, random.Random(0)):
                batch, targets = build(self.model, self.tokens, group, [Plan("window", 8)] * len(group), self.rules)
                asked = targets != IGNORED
                logits = self.model.logits(run(self.model, batch, self.device)[asked.to(self.device)]).float()
                total += F.cross_entropy(logits, targets[asked].to(self.device), reduction="sum").item()
                count += int(asked.sum())
            found[kind] = round(total / count, 4)
        return found

    def save(self) -> None:
        """Write RUN/checkpoint.pt and RUN/adapter."""
        state = {
            "adapter": {name: value.detach() for name, value in self.parameters.items()},
            "optimiser": self.optimiser.state_dict(),
            "random": self.random.getstate(),
            "torch_random": torch.get_rng_state(),
            "step": self.step,
            "seen": self.seen,
            "minutes": self.minutes,
        }
        save_checkpoint(self.options.out / "checkpoint.pt", state)
        write_weights(self.model, self.options.out / "adapter")

    def resume(self) -> None:
        """Go on from RUN/checkpoint.pt if there is one. Only process 0's random state is in it."""
        path = self.options.out / "checkpoint.pt"
        if not path.is_file():
            return
        state = load_checkpoint(path, self.parameters, self.device)
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.seen, self.minutes = state["step"], state["seen"], state["minutes"]
        torch.set_rng_state(state["torch_random"].cpu())
        if self.rank == 0:
            self.random.setstate(state["random"])
        else:
            self.random.seed(f"{self.options.seed}/{self.rank}/{self.step}")
