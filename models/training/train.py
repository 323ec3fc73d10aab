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
from pathlib import Path

import torch
import torch.distributed as dist

from checkpoint import check_work
from trainer import Trainer

REPORT_STEPS = 20


def parse() -> argparse.Namespace:
    """Command line."""
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--work", type=Path, required=True, help="folder made by prepare.py")
    a.add_argument("--out", type=Path, required=True, help="folder of this run")
    a.add_argument("--init", type=Path, help="adapter folder to start from")
    a.add_argument("--minutes", type=float, default=math.inf)
    a.add_argument("--tokens", type=float, default=math.inf, help="text tokens, all processes together")
    a.add_argument("--scheme", choices=("mark", "AC"), default="mark")
    a.add_argument("--rank", type=int, default=32)
    a.add_argument("--ratios", type=lambda s: [int(x) for x in s.split(",")], default=[2, 4, 8, 16])
    a.add_argument("--positions", choices=("cache", "absolute"), default="cache")
    a.add_argument("--strict", action="store_true", help="anchors do not see earlier anchors (the paper's mask)")
    a.add_argument("--budget", type=int, default=2400, help="padded tokens of a batch")
    a.add_argument("--longest", type=int, default=1024, help="longest context in tokens")
    a.add_argument("--keep-share", type=float, default=0.3, help="batches read whole and held to the base's answers")
    a.add_argument("--score-layers", type=int, default=10, help="layers of the scoring pass while training")
    a.add_argument("--lr", type=float, default=6e-4)
    a.add_argument("--warm-up", type=int, default=40, help="steps")
    a.add_argument("--save-minutes", type=float, default=4)
    a.add_argument("--eval-minutes", type=float, default=20)
    a.add_argument("--threads", type=int, default=0)
    a.add_argument("--compile", action="store_true")
    a.add_argument("--seed", type=int, default=0)
    options = a.parse_args()
    if options.minutes == math.inf and options.tokens == math.inf:
        raise SystemExit("say when to stop: --minutes or --tokens")
    return options


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


def main() -> None:
    """Train until the end, or until a signal; report, validate and save on the way."""
    options = parse()
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
            trainer.report(valid=trainer.validate())
            evaluated = now
        if now - saved > options.save_minutes * 60:
            trainer.save()
            saved = now
    if rank == 0:
        trainer.save()
        trainer.report(valid={} if flag.stopped else trainer.validate())
    if world > 1:
        dist.destroy_process_group()


if __name__ == "__main__":
    main()
