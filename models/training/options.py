"""The command line of train.py."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from batches import WHOLE
from tasks import MIX

MOST_SAVE_MINUTES = 5.0  # what a crash may cost


def ratio_list(text: str) -> list[int]:
    """`2,8,whole` -> [2, 8, WHOLE]."""
    return [WHOLE if part == "whole" else int(part) for part in text.split(",")]


def share(text: str) -> float:
    """A number of 0..1."""
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is no share: give a number of 0..1")
    return value


def mix(text: str) -> dict[str, float]:
    """`explain=30,summary=8` -> MIX with these weights in place of its own."""
    given = dict(part.split("=", 1) for part in text.split(",") if "=" in part)
    unknown = [name for name in given if name not in MIX]
    if unknown or len(given) != len(text.split(",")):
        raise argparse.ArgumentTypeError(f"{text}: say TASK=WEIGHT,...; the tasks are {', '.join(MIX)}")
    weights = {**MIX, **{name: float(weight) for name, weight in given.items()}}
    if min(weights.values()) < 0 or not sum(weights.values()):
        raise argparse.ArgumentTypeError(f"{text}: weights are 0 or more, and one is more than 0")
    return weights


def parser(description: str) -> argparse.ArgumentParser:
    """Every option of train.py with its default."""
    a = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--work", type=Path, required=True, help="folder made by prepare.py")
    a.add_argument("--out", type=Path, required=True, help="folder of this run")
    a.add_argument("--init", type=Path, help="adapter folder to start from")
    a.add_argument("--init-lora", type=Path, help="adapter folder of any scheme, whose LoRA alone to start from")
    a.add_argument("--init-anchors", type=Path, help="adapter folder whose anchor embedding alone to start from")
    a.add_argument("--minutes", type=float, default=math.inf)
    a.add_argument("--tokens", type=float, default=math.inf, help="text tokens, all processes together")

    what = a.add_argument_group("what is trained")
    what.add_argument("--scheme", choices=("mark", "AC", "EP"), default="mark")
    what.add_argument("--added", type=int, default=1, help="scheme AC: added tokens, which take turns")
    what.add_argument("--endpoints", default=".", help="scheme EP: the endpoint tokens, blanks between them")
    what.add_argument("--strict", action="store_true", help="anchors do not see earlier anchors (the paper's mask)")
    what.add_argument("--conditional", action="store_true", help="the LoRA is active on anchors alone (CCM)")
    what.add_argument("--positions", choices=("cache", "absolute"), default="cache")
    what.add_argument("--rank", type=int, default=32)
    what.add_argument("--layers", choices=("all", "upper", "attention", "qkv"), default="all", help="where the LoRA is")

    text = a.add_argument_group("what it reads")
    every = [2, 4, 8, 16, 32, WHOLE]
    text.add_argument("--ratios", type=ratio_list, default=every, help="drawn per sequence; whole: one anchor")
    text.add_argument("--mix", type=mix, default=MIX, help="weights of tasks, TASK=WEIGHT,...; others keep theirs")
    text.add_argument("--longest", type=int, default=2048, help="longest context in tokens")
    text.add_argument("--curriculum", type=share, default=0.3, help="share of the run until contexts are that long")
    text.add_argument("--budget", type=int, default=2400, help="padded tokens of a batch")
    text.add_argument("--keep-share", type=share, default=0.3, help="batches without anchors, held to the base")
    text.add_argument("--distil-share", type=share, default=0.25, help="batches through anchors, held to the base")
    text.add_argument("--scorer", type=Path, help="adapter folder whose scorer chooses the anchors of some rows")
    text.add_argument("--score-layers", type=int, default=10, help="layers of the scoring pass while training")

    rounded = "batches read with weights of four bits, as int4 has them; the base that teaches is not rounded"
    text.add_argument("--rounded-share", type=share, default=0.0, help=rounded)

    how = a.add_argument_group("how")
    how.add_argument("--lr", type=float, default=6e-4)
    how.add_argument("--warm-up", type=int, default=40, help="steps")
    how.add_argument("--save-minutes", type=float, default=4, help=f"between checkpoints, {MOST_SAVE_MINUTES} at most")
    how.add_argument("--eval-minutes", type=float, default=20, help="between validations; inf: none at the end either")
    how.add_argument("--threads", type=int, default=0)
    how.add_argument("--compile", action="store_true")
    how.add_argument("--seed", type=int, default=0)
    return a


def parse(description: str, arguments: list[str] | None = None) -> argparse.Namespace:
    """The options given (None: on the command line); SystemExit names one that makes no sense."""
    options = parser(description).parse_args(arguments)
    if options.minutes == math.inf and options.tokens == math.inf:
        raise SystemExit("say when to stop: --minutes or --tokens")
    if not 0 < options.save_minutes <= MOST_SAVE_MINUTES:
        raise SystemExit(f"--save-minutes {options.save_minutes}: at most {MOST_SAVE_MINUTES}, so that little is lost")
    if options.keep_share + options.distil_share > 1:
        raise SystemExit("--keep-share and --distil-share are more than all batches together")
    if options.init and (options.init_lora or options.init_anchors):
        raise SystemExit("--init has both parts of an adapter: leave out --init-lora and --init-anchors")
    if options.scorer and not options.conditional:
        raise SystemExit("--scorer needs --conditional: it reads values, which a LoRA for all tokens would change")
    if options.rounded_share and not options.conditional:
        raise SystemExit("--rounded-share needs --conditional: a LoRA for all tokens is merged before the rounding")
    if options.added < 1:
        raise SystemExit(f"--added {options.added}: scheme AC needs one token at least")
    return options
