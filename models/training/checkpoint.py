"""Stop and go on: one file with everything a run needs, replaced in one step."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import torch
from torch import Tensor


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


def save_checkpoint(path: Path, state: dict) -> None:
    """Write beside the old checkpoint, then put the new one in its place."""
    fresh = path.with_suffix(".new")
    try:
        with open(fresh, "wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, path)
    except (OSError, RuntimeError) as error:  # torch reports a full disk as a RuntimeError of its zip writer
        fresh.unlink(missing_ok=True)
        before = "The checkpoint before is whole" if path.is_file() else "There is no checkpoint yet"
        remedy = "make room (a full disk?) and start the same command again"
        raise SystemExit(f"cannot write {path}: {error}. {before}; {remedy}.") from error


def check_same_run(path: Path, learned: dict) -> None:
    """Stop where the checkpoint beside options.json is of a run that learned other rules."""
    if not path.is_file():
        return
    before = json.loads(path.read_text(encoding="utf8"))
    for name, value in learned.items():
        if before.get(name, value) != value and name != "ratios":
            raise SystemExit(
                f"{path.parent} was trained with {name} {before[name]}, this command says {value}; use another --out"
            )


def load_checkpoint(path: Path, parameters: dict[str, Tensor], device: str) -> dict:
    """Copy the saved adapter into `parameters` and return the rest of the state.

    SystemExit names a file that is no checkpoint, and a tensor of another shape.
    """
    try:
        state = torch.load(path, map_location=device, weights_only=True)
    except Exception as error:
        raise SystemExit(f"{path} is not a readable checkpoint ({error}); remove it or use another --out") from error
    saved = state["adapter"]
    for name in sorted(saved.keys() | parameters.keys()):
        shapes = [tuple(group[name].shape) if name in group else "absent" for group in (saved, parameters)]
        if shapes[0] != shapes[1]:
            raise SystemExit(f"{path}: {name} is {shapes[0]}, this run needs {shapes[1]}; use another --out")
    with torch.no_grad():
        for name, value in parameters.items():
            value.copy_(saved[name])
    return state
