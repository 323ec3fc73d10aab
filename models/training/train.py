"""Step 2: train an anchor adapter.

    python train.py --work WORK --out RUN --minutes 120            two CPU cores will do
    torchrun --nproc-per-node 4 train.py --work WORK --out RUN --tokens 200e6 --budget 32768 --compile

Stops at --minutes of training time or --tokens, whichever comes first; the learning rate falls along a cosine to 10%
towards that end. RUN/checkpoint.pt holds everything needed to go on: start the same command again. RUN/log.jsonl has
one line per reported step; RUN/adapter the weights that export.py takes.
"""

from __future__ import annotations

import argparse
import math
import os
import signal
import time

import torch
import torch.distributed as dist

from checkpoint import check_work
from failures import explain
from options import parse
from trainer import Trainer

REPORT_STEPS = 20


class StopFlag:
    """Set by SIGTERM or SIGINT."""

    def __init__(self) -> None:
        self.stopped = False
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)

    def _stop(self, *_: object) -> None:
        self.stopped = True


def agree(wanted: bool, minutes: float, world: int, device: str) -> tuple[bool, float]:
    """Process 0's decision to stop and its clock, for all, so that no process waits for one that has left."""
    if world == 1:
        return wanted, minutes
    shared = torch.tensor([float(wanted), minutes], device=device, dtype=torch.float64)
    dist.broadcast(shared, src=0)
    return bool(shared[0]), float(shared[1])


def main(arguments: list[str] | None = None) -> None:
    """Train until the end, or until a signal; report, validate and save on the way."""
    options = parse(__doc__, arguments)
    try:
        train(options)
    except Exception as error:
        message = explain(error, options.out)
        if message is None:
            raise
        raise SystemExit(message) from error


def train(options: argparse.Namespace) -> None:
    """The loop."""
    if options.threads:
        torch.set_num_threads(options.threads)
    world, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    device = f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if torch.cuda.is_available() else "cpu"
    if world > 1:
        if device != "cpu":
            torch.cuda.set_device(device)
        dist.init_process_group("nccl" if device != "cpu" else "gloo")
    check_work(options.work)
    options.out.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(options, rank, world, device)
    trainer.resume()
    if rank == 0:
        trainer.describe()

    flag = StopFlag()
    last = saved = evaluated = time.monotonic()
    while True:
        now = time.monotonic()
        minutes, last = trainer.minutes + (now - last) / 60, now
        wanted = flag.stopped or max(minutes / options.minutes, trainer.progress()) >= 1
        stop, trainer.minutes = agree(wanted, minutes, world, device)
        if stop:
            break
        norm = trainer.update()
        if rank != 0:
            continue
        if trainer.step % REPORT_STEPS == 0:
            trainer.report(norm=round(norm, 3))
        if now - evaluated > options.eval_minutes * 60:
            trainer.save()  # first: validation takes minutes of its own
            trainer.report(valid=trainer.validate())
            saved = evaluated = time.monotonic()
        elif now - saved > options.save_minutes * 60:
            trainer.save()
            saved = now
    if rank == 0:
        trainer.save()
        skipped = flag.stopped or options.eval_minutes == math.inf
        trainer.report(valid={} if skipped else trainer.validate())
    if world > 1:
        dist.destroy_process_group()


if __name__ == "__main__":
    main()
