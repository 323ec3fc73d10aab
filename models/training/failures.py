"""What to tell somebody whose training ended by an error that the machine made."""

from __future__ import annotations

import errno
from pathlib import Path

import torch


def explain(error: BaseException, out: Path) -> str | None:
    """A message with its remedy for a full disk and a lost or full GPU; None for everything else."""
    path = out / "checkpoint.pt"
    kept = f"{path} is as it was last saved" if path.is_file() else "nothing was saved"
    text = str(error).split("\n")[0]
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"the disk is full ({error.filename or out}): {kept}; make room and start the same command again"
    if type(error).__name__ == "SafetensorError" and ("os error 28" in text or "No space" in text):
        return f"the disk is full ({out}): {kept}; make room and start the same command again"
    if isinstance(error, torch.OutOfMemoryError):
        return f"the GPU's memory is full ({text}): {kept}; start again with a smaller --budget or --longest"
    lost = isinstance(error, torch.AcceleratorError) or (
        isinstance(error, RuntimeError) and ("CUDA error" in text or "NCCL error" in text or "cuDNN error" in text)
    )
    if lost:
        return (
            f"the GPU was lost ({text}): {kept}; the same command goes on from there, "
            "once nvidia-smi shows the GPU again (or on the CPU with CUDA_VISIBLE_DEVICES= before it)"
        )
    return None
