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
from checkpoint import check_same_run, load_checkpoint, save_checkpoint
from corpus import Corpus
from drawing import Drawing
from examples import LONGEST_SEQUENCE, Example
from export import write_json
from layout import Batch, Rules, run
from losses import dependence, divergence, log_probability, row_losses, weighted_mean
from lora import Anchoring, adapted_matrices
from model import AnchorDecoder, DecoderConfig
from rounding import add_rounded, use_rounded
from scorer import required_scorer
from tasks import MIX, Tasks
from text import Tokens

FULL_SHARE = 0.08  # rows read whole, with the task's own loss
OPENING, OPENING_WEIGHT = 4, 8.0  # the first tokens of a text held to the base decide its manner
KEPT_KINDS = ("continue", "dialogue", "chat", "chat", "chat", "chat")
DISTILLED_KINDS = ("continue", "continue", "dialogue", "session", "explain", "chat", "chat")


class Trainer:
    """`rank` of `world` processes; each draws its own examples and gradients are averaged."""

    def __init__(self, options: argparse.Namespace, rank: int, world: int, device: str) -> None:
        self.options, self.rank, self.world, self.device = options, rank, world, device
        self.rules = Rules(anchors_see_anchors=not options.strict, positions=options.positions)
        self.tokens = Tokens(options.work / "base" / "tokenizer.json")
        self.endpoints = self.tokens.singles(options.endpoints.split(" ")) if options.scheme == "EP" else []
        torch.manual_seed(options.seed)
        config, weights = read_decoder(options.work / "base")
        adapted = adapted_matrices(options.layers, config["num_hidden_layers"])
        added = options.added if options.scheme == "AC" else 0
        anchoring = Anchoring(options.scheme, options.rank, options.rank, added, adapted, options.conditional)
        self.model = AnchorDecoder(DecoderConfig.of(config), weights, anchoring, torch.bfloat16).to(device)
        if options.init:
            read_weights(self.model, options.init)
        if options.init_lora:
            read_weights(self.model, options.init_lora, "lora")
        if options.init_anchors:
            read_weights(self.model, options.init_anchors, "embedding")
        if options.scorer:
            self.model.scorer = required_scorer(options.scorer, self.model)
        if options.rounded_share:
            add_rounded(self.model)
        self.random = random.Random(options.seed * 1000 + rank)
        tasks = Tasks(Corpus(options.work, "train"), self.tokens, self.random)
        self.drawing = Drawing(options, tasks, self.random, self.progress)
        self.parameters = self.model.trainable()
        marks = [v for name, v in self.parameters.items() if name == "anchor_embedding"]
        others = [v for name, v in self.parameters.items() if name != "anchor_embedding"]
        groups = [{"params": others, "peak": options.lr}, {"params": marks, "peak": options.lr * 3}]
        groups = [group for group in groups if group["params"]]
        self.optimiser = torch.optim.AdamW(groups, lr=options.lr, betas=(0.9, 0.98), weight_decay=0.01, fused=True)
        if options.compile:
            for block in self.model.blocks:
                block.compile(dynamic=True)
        self.step, self.seen, self.minutes = 0, 0, 0.0
        self.is_rounded = False
        self.recent: dict[str, list[float]] = {}

    def learned(self) -> dict:
        """What a package of this adapter has to know of the run."""
        o, vocabulary = self.options, self.model.config.vocab_size
        added = list(range(vocabulary, vocabulary + self.model.anchoring.added))
        return {
            "scheme": o.scheme,
            "anchor_token_ids": added or self.endpoints,
            "ratios": o.ratios,
            "strict": o.strict,
            "positions": o.positions,
            "lora_on": "anchors" if o.conditional else "all",
            "layers": o.layers,
            "max_sequence_tokens": LONGEST_SEQUENCE,
            "vocab_size": vocabulary,
        }

    def describe(self) -> None:
        """Write RUN/options.json for export.py."""
        write_json(self.options.out / "options.json", self.learned())

    def progress(self) -> float:
        """How far the run is, 0..1."""
        return max(self.minutes / self.options.minutes, self.seen / self.options.tokens)

    def build(self, examples: list[Example], plans: list[Plan]) -> tuple[Batch, Tensor]:
        """A batch and its targets, on the device."""
        batch, targets = build(
            self.model,
            self.tokens,
            examples,
            plans,
            self.rules,
            score_layers=self.options.score_layers,
            endpoints=self.endpoints,
        )
        return batch, targets.to(self.device)

    def asked_logits(self, batch: Batch, asked: Tensor) -> Tensor:
        """Logits [N, V] of the asked tokens [B, T] of a batch."""
        return self.model.logits(run(self.model, batch, self.device)[asked])

    def anchored_loss(self) -> tuple[Tensor, int]:
        """Cross-entropy of a batch read through anchors, and the batch's text tokens."""
        examples = self.drawing.next_group()
        full = Plan("full", (1,))
        plans = [full if self.random.random() < FULL_SHARE else self.drawing.plan(example) for example in examples]
        if self.options.conditional:  # a row without anchors would train nothing
            plans = [self.drawing.plan(example) for example in examples]
        batch, targets = self.build(examples, plans)
        asked = targets != IGNORED
        losses = torch.zeros(targets.shape, device=self.device)
        logits = self.asked_logits(batch, asked).float()
        losses = losses.masked_scatter(asked, F.cross_entropy(logits, targets[asked], reduction="none"))
        loss, means = row_losses(losses, targets)
        for example, mean in zip(examples, means):
            self.recent.setdefault(example.kind, []).append(mean)
        return loss, sum(example.size for example in examples)

    @torch.no_grad()
    def base_reading(self, examples: list[Example], choice: str) -> tuple[Tensor, Tensor]:
        """Logits [N, V] of the base itself, the adapter off, and the targets [B, T]. Choice `full`: it reads the text
        whole; `alone`: every sequence sees the prefix and itself."""
        batch, targets = self.build(examples, [Plan(choice, (1,))] * len(examples))
        self.model.enable_lora(False)
        use_rounded(self.model, False)
        logits = self.asked_logits(batch, targets != IGNORED)
        use_rounded(self.model, self.is_rounded)
        self.model.enable_lora(True)
        return logits, targets

    def keeping_loss(self) -> tuple[Tensor, int]:
        """KL(base || adapter), no anchors on either side, so that the base's ability stays; and text tokens."""
        examples = self.drawing.pick_group(KEPT_KINDS)
        logits, targets = self.base_reading(examples, "full")
        wanted = logits.float().log_softmax(-1)
        batch, _ = self.build(examples, [Plan("full", (1,))] * len(examples))
        asked = targets != IGNORED
        weights = torch.where(asked.cumsum(1)[asked] <= OPENING, OPENING_WEIGHT, 1.0)
        loss = weighted_mean(divergence(self.asked_logits(batch, asked), wanted), weights)
        self.recent.setdefault("keep", []).append(loss.item())
        return loss, sum(example.size for example in examples)

    def distilling_loss(self) -> tuple[Tensor, int]:
        """KL(base reading the text whole || adapter reading it through anchors), the more a token needs its context
        the heavier; and text tokens. Every reading asks the same tokens in the same order."""
        examples = self.drawing.pick_group(DISTILLED_KINDS)
        logits, targets = self.base_reading(examples, "full")
        wanted = logits.float().log_softmax(-1)
        asked = targets != IGNORED
        ids = targets[asked]
        with_context = wanted.gather(1, ids[:, None])[:, 0]
        alone, own_targets = self.base_reading(examples, "alone")
        weights = dependence(with_context, log_probability(alone, own_targets[own_targets != IGNORED]))
        chats = torch.tensor([example.kind == "chat" for example in examples], device=self.device)
        opening = (asked.cumsum(1) <= OPENING) & chats[:, None]
        weights = weights * torch.where(opening[asked], OPENING_WEIGHT, 1.0)
        batch, found = self.build(examples, [self.drawing.plan(example) for example in examples])
        loss = weighted_mean(divergence(self.asked_logits(batch, found != IGNORED), wanted), weights)
        self.recent.setdefault("distil", []).append(loss.item())
        return loss, sum(example.size for example in examples)

    def next_loss(self) -> tuple[Tensor, int]:
        """The loss of one batch of a drawn sort. A conditional LoRA cannot change what is read without anchors."""
        drawn, o = self.random.random(), self.options
        keep = 0.0 if o.conditional else o.keep_share
        if drawn < keep:
            return self.keeping_loss()
        return self.distilling_loss() if drawn < keep + o.distil_share else self.anchored_loss()

    def update(self) -> float:
        """One optimiser step; the gradient's norm before clipping. A step whose gradient is not finite is left out."""
        self.is_rounded = self.options.rounded_share > 0 and self.random.random() < self.options.rounded_share
        use_rounded(self.model, self.is_rounded)
        loss, size = self.next_loss()
        loss.backward()
        use_rounded(self.model, False)
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
        """Mean loss per task on the same few validation examples, one token in 8 kept."""
        tasks = Tasks(Corpus(self.options.work, "valid"), self.tokens, random.Random(7))
        plan = Plan("window" if self.options.scheme == "mark" else "stride", (8,))
        found = {}
        for kind in MIX:
            examples = [e for e in (tasks.draw(kind) for _ in range(8)) if e.size <= tasks.limit]
            total = count = 0.0
            for group in group_by_length(examples, self.options.budget, random.Random(0)) if examples else []:
                batch, targets = self.build(group, [plan] * len(group))
                asked = targets != IGNORED
                total -= log_probability(self.asked_logits(batch, asked), targets[asked]).sum().item()
                count += asked.sum().item()
            found[kind] = round(total / max(1, count), 4)
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
        check_same_run(self.options.out / "options.json", self.learned())
        state = load_checkpoint(path, self.parameters, self.device)
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.seen, self.minutes = state["step"], state["seen"], state["minutes"]
        torch.set_rng_state(state["torch_random"].cpu())
        if self.rank == 0:
            self.random.setstate(state["random"])
        else:
            self.random.seed(f"{self.options.seed}/{self.rank}/{self.step}")
