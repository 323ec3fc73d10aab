"""Step 2: train an anchor adapter.

    python train.py --work WORK --out RUN --minutes 120            two CPU cores will do
    torchrun --nproc-per-node 4 train.py --work WORK --out RUN --tokens 200e6 --budget 32768 --compile

Stops at --minutes of training time or --tokens, whichever comes first; the learning rate falls along a cosine to 10%
towards that end. RUN/checkpoint.pt holds everything needed to go on: start the same command again. RUN/log.jsonl has
one line per reported step.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import random
import signal
import time
from pathlib import Path

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor

from adapter import read_weights, write_weights
from base import read_decoder
from batches import IGNORED, Plan, build, group_by_length
from layout import Rules, run
from model import AnchorDecoder, Anchoring, DecoderConfig
from tasks import MIX, Corpus, Example, Tasks
from text import Tokens

CHOICES = {"stride": 40, "window": 40, "attention": 20}
FULL_SHARE = 0.08  # rows read whole, with the task's own loss
KEEP_SHARE = 0.12  # batches read whole, held to the base's own predictions
KEPT_KINDS = ("continue", "dialogue", "continue", "function")


def parse() -> argparse.Namespace:
    """Command line."""
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--work", type=Path, required=True, help="folder made by prepare.py")
    a.add_argument("--out", type=Path, required=True, help="folder of this run")
    a.add_argument("--init", type=Path, help="adapter folder to start from")
    a.add_argument("--minutes", type=float, default=math.inf)
    a.add_argument("--tokens", type=float, default=math.inf)
    a.add_argument("--scheme", choices=("mark", "AC"), default="mark")
    a.add_argument("--rank", type=int, default=32)
    a.add_argument("--ratios", type=lambda s: [int(x) for x in s.split(",")], default=[2, 4, 8, 16])
    a.add_argument("--positions", choices=("cache", "absolute"), default="cache")
    a.add_argument("--strict", action="store_true", help="anchors do not see earlier anchors (the paper's mask)")
    a.add_argument("--budget", type=int, default=2400, help="padded tokens of a batch")
    a.add_argument("--longest", type=int, default=1024, help="longest context in tokens")
    a.add_argument("--score-layers", type=int, default=15, help="layers of the scoring pass while training")
    a.add_argument("--lr", type=float, default=6e-4)
    a.add_argument("--warm-up", type=int, default=40, help="steps")
    a.add_argument("--save-minutes", type=float, default=4)
    a.add_argument("--eval-minutes", type=float, default=20)
    a.add_argument("--threads", type=int, default=0)
    a.add_argument("--compile", action="store_true")
    a.add_argument("--seed", type=int, default=0)
    return a.parse_args()


def check_work(work: Path) -> None:
    """Stop with a clear message where prepare.py's files are missing or altered."""
    manifest = work / "manifest.json"
    if not manifest.is_file():
        raise SystemExit(f"{manifest} is missing: run prepare.py first")
    for name, expected in json.loads(manifest.read_text(encoding="utf8")).items():
        path = work / name
        if not path.is_file():
            raise SystemExit(f"{path} is missing: run prepare.py again")
        with open(path, "rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != expected:
                raise SystemExit(f"{path} was altered since prepare.py wrote it: run prepare.py again")


def row_losses(losses: Tensor, targets: Tensor) -> tuple[Tensor, list[float]]:
    """The batch's loss from per-token losses [B, T]: row means weighted by the square root of their lengths, so
    that three tokens of a value count beside three hundred of a continuation. Also the row means."""
    asked = targets != IGNORED
    counts = asked.sum(1).clamp(min=1)
    means = (losses * asked).sum(1) / counts
    weights = counts.float().sqrt() * asked.any(1)
    return (means * weights).sum() / weights.sum(), means.tolist()


class Trainer:
    """Model, optimiser, task stream and clock of one run."""

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

    def progress(self) -> float:
        """How far the run is, 0..1."""
        return max(self.minutes / self.options.minutes, self.seen * self.world / self.options.tokens)

    def next_group(self) -> list[Example]:
        """The next batch of examples; a pool of them is drawn and sorted by length at a time."""
        while not self.queue:
            drawn = [self.tasks.draw() for _ in range(96)]
            fitting = [example for example in drawn if example.size <= self.options.longest]
            self.queue = group_by_length(fitting, self.options.budget, self.random)
        return self.queue.pop()

    def plan(self) -> Plan:
        if self.random.random() < FULL_SHARE:
            return Plan("full", 1)
        choice = self.random.choices(list(CHOICES), list(CHOICES.values()))[0]
        return Plan(choice, self.random.choice(self.options.ratios))

    def anchored_loss(self) -> Tensor:
        """Cross-entropy of a batch read through anchors."""
        examples = self.next_group()
        plans = [self.plan() for _ in examples]
        layers = self.options.score_layers
        batch, targets = build(self.model, self.tokens, examples, plans, self.rules, score_layers=layers)
        self.seen += sum(example.size for example in examples)
        hidden, targets = run(self.model, batch, self.device), targets.to(self.device)
        asked = targets != IGNORED
        losses = torch.zeros(targets.shape, device=self.device)
        logits = self.model.logits(hidden[asked]).float()
        losses = losses.masked_scatter(asked, F.cross_entropy(logits, targets[asked], reduction="none"))
        loss, means = row_losses(losses, targets)
        for example, mean in zip(examples, means):
            self.recent.setdefault(example.kind, []).append(mean)
        return loss

    def keeping_loss(self) -> Tensor:
        """KL(base || adapter) of whole texts without anchors, so that the base's ability stays."""
        kinds = [self.random.choice(KEPT_KINDS) for _ in range(24)]
        pool = [example for example in map(self.tasks.draw, kinds) if example.size <= self.options.longest]
        examples = self.random.choice(group_by_length(pool, self.options.budget, self.random))
        batch, targets = build(self.model, self.tokens, examples, [Plan("full", 1)] * len(examples), self.rules)
        self.seen += sum(example.size for example in examples)
        asked = (targets != IGNORED).to(self.device)
        self.model.enable_lora(False)
        with torch.no_grad():
            wanted = self.model.logits(run(self.model, batch, self.device)[asked]).float().log_softmax(-1)
        self.model.enable_lora(True)
        logits = self.model.logits(run(self.model, batch, self.device)[asked]).float()
        loss = F.kl_div(logits.log_softmax(-1), wanted, reduction="batchmean", log_target=True)
        self.recent.setdefault("keep", []).append(loss.item())
        return loss

    def update(self) -> float:
        """One optimiser step; the gradient's norm before clipping."""
        loss = self.keeping_loss() if self.random.random() < KEEP_SHARE else self.anchored_loss()
        loss.backward()
        if self.world > 1:
            for value in self.parameters.values():
                value.grad = torch.zeros_like(value) if value.grad is None else value.grad
                dist.all_reduce(value.grad, op=dist.ReduceOp.AVG)
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

    def report(self, **extra: object) -> None:
        """Append one line to the log: the mean losses since the last one."""
        means = {kind: round(sum(values) / len(values), 4) for kind, values in sorted(self.recent.items())}
        self.recent = {}
        line = {"step": self.step, "tokens": self.seen * self.world, "minutes": round(self.minutes, 2), "loss": means, **extra}
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
        """Write the checkpoint beside the old one, then put it in its place; export the adapter."""
        state = {
            "adapter": {name: value.detach() for name, value in self.parameters.items()},
            "optimiser": self.optimiser.state_dict(),
            "random": self.random.getstate(),
            "torch_random": torch.get_rng_state(),
            "step": self.step,
            "seen": self.seen,
            "minutes": self.minutes,
        }
        path = self.options.out / "checkpoint.pt"
        try:
            torch.save(state, path.with_suffix(".new"))
            os.replace(path.with_suffix(".new"), path)
            write_weights(self.model, self.options.out / "adapter")
        except (OSError, RuntimeError) as error:
            raise SystemExit(f"cannot write {path}: {error}; the last checkpoint is still whole. Is the disk full?") from error

    def resume(self) -> None:
        """Go on from RUN/checkpoint.pt if there is one."""
        path = self.options.out / "checkpoint.pt"
        if not path.is_file():
            return
        state = torch.load(path, map_location=self.device, weights_only=True)
        for name, value in self.parameters.items():
            saved = state["adapter"].get(name)
            if saved is None or saved.shape != value.shape:
                shape = "absent" if saved is None else tuple(saved.shape)
                raise SystemExit(f"{path}: {name} is {shape}, this run needs {tuple(value.shape)}; use another --out")
            value.data.copy_(saved)
        self.optimiser.load_state_dict(state["optimiser"])
        self.random.setstate(state["random"])
        torch.set_rng_state(state["torch_random"].cpu())
        self.step, self.seen, self.minutes = state["step"], state["seen"], state["minutes"]


def main() -> None:
    options = parse()
    if options.minutes == math.inf and options.tokens == math.inf:
        raise SystemExit("say when to stop: --minutes or --tokens")
    if options.threads:
        torch.set_num_threads(options.threads)
    world = int(os.environ.get("WORLD_SIZE", "1"))
    rank = int(os.environ.get("RANK", "0"))
    device = f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if torch.cuda.is_available() else "cpu"
    if world > 1:
        dist.init_process_group("nccl" if device != "cpu" else "gloo")
    check_work(options.work)
    options.out.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(options, rank, world, device)
    trainer.resume()

    stopped = False

    def stop(*_: object) -> None:
        nonlocal stopped
        stopped = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    last = saved = evaluated = time.monotonic()
    while trainer.progress() < 1 and not stopped:
        norm = trainer.update()
        now = time.monotonic()
        trainer.minutes += (now - last) / 60
        last = now
        if rank == 0 and trainer.step % 20 == 0:
            trainer.report(norm=round(norm, 3))
        if rank == 0 and now - evaluated > options.eval_minutes * 60:
            trainer.report(valid=trainer.validate())
            evaluated = now
        if rank == 0 and now - saved > options.save_minutes * 60:
            trainer.save()
            saved = now
    if rank == 0:
        trainer.save()
        trainer.report(valid={} if stopped else trainer.validate())


if __name__ == "__main__":
    main()
