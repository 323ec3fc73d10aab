"""Step 1b, for a LoRA on anchors alone over a trained adapter: a working folder whose base has that one merged in.

    python merge.py --work WORK --adapter ../smollm2-135m-anchors --out OVER
    python train.py --work OVER --out RUN --conditional --init-anchors ../smollm2-135m-anchors --minutes 120
    python export.py --run RUN --over ../smollm2-135m-anchors --out ADAPTER

OVER/base is the merged decoder; every other file of WORK is in OVER as a link. What was held to the base before is held
to the merged decoder now: it is also what reads the text whole for the teacher.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
from pathlib import Path

from safetensors.torch import load_file, save_file

from adapter import merge_lora
from checkpoint import check_work
from export import write_json
from prepare import sha256


def main(arguments: list[str] | None = None) -> None:
    """Write the folder."""
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--work", type=Path, required=True, help="folder made by prepare.py")
    a.add_argument("--adapter", type=Path, required=True, help="adapter folder to merge into its base")
    a.add_argument("--out", type=Path, required=True)
    options = a.parse_args(arguments)
    check_work(options.work)
    if options.out.exists():
        raise SystemExit(f"{options.out} exists: give another --out, or remove it")
    weights = load_file(options.work / "base" / "model.safetensors")
    merge_lora(weights, options.adapter)

    shutil.copytree(options.work, options.out, copy_function=os.link)
    model = options.out / "base" / "model.safetensors"
    model.unlink()  # the link alone
    save_file(weights, model, metadata={"format": "pt"})
    manifest = json.loads((options.work / "manifest.json").read_text(encoding="utf8"))
    (options.out / "manifest.json").unlink()
    write_json(options.out / "manifest.json", {**manifest, "base/model.safetensors": sha256(model)})


if __name__ == "__main__":
    main()
