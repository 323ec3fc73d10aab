"""Stopping, going on, and what a run says when a file, the disk or the GPU fails: python -m unittest test_training"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

import torch

import train
from checkpoint import check_work, load_checkpoint, save_checkpoint
from failures import explain
from tinywork import write_work

HERE = Path(__file__).parent


class TrainingTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.shared = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.shared.cleanup)
        cls.work = Path(cls.shared.name) / "work"
        write_work(cls.work)

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def options(self, *extra: str) -> list[str]:
        paths = ["--work", str(self.work), "--out", str(self.folder / "run")]
        sizes = ["--rank", "2", "--budget", "700", "--longest", "700", "--threads", "1"]
        return [*paths, *sizes, "--eval-minutes", "inf", *extra]

    def start(self, *extra: str) -> subprocess.Popen:
        command = [sys.executable, str(HERE / "train.py"), *self.options(*extra)]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL)

    def train(self, *extra: str) -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            train.main(self.options(*extra))

    def step(self) -> int:
        return torch.load(self.folder / "run" / "checkpoint.pt", weights_only=True)["step"]

    def test_killed_training_goes_on_from_its_last_checkpoint(self) -> None:
        run = self.folder / "run"
        process = self.start("--tokens", "1e9", "--save-minutes", "0.005")
        deadline = time.monotonic() + 60
        while not (run / "checkpoint.pt").is_file() and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        process.wait()
        saved = torch.load(run / "checkpoint.pt", weights_only=True)
        self.assertGreater(saved["step"], 0)
        self.train("--tokens", str(saved["seen"] + 3000))
        self.assertGreater(self.step(), saved["step"])
        self.assertTrue((run / "adapter" / "adapter_model.safetensors").is_file())
        with self.assertRaisesRegex(SystemExit, "was trained with strict False, this command says True"):
            self.train("--tokens", "1e9", "--strict")
        with self.assertRaisesRegex(SystemExit, r"lora_A is \(2, \d+\), this run needs \(4, \d+\); use another --out"):
            self.train("--tokens", "1e9", "--rank", "4")

    def test_a_signal_saves_and_ends(self) -> None:
        process = self.start("--tokens", "1e9")
        log = self.folder / "run" / "log.jsonl"
        deadline = time.monotonic() + 60
        while not log.is_file() and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(60), 0)
        self.assertGreater(self.step(), 0)

    def test_a_missing_or_altered_file_is_named(self) -> None:
        work = self.folder / "work"
        write_work(work)
        check_work(work)
        pairs = work / "train" / "pairs.jsonl"
        pairs.write_bytes(pairs.read_bytes()[:-20])
        with self.assertRaisesRegex(SystemExit, "train/pairs.jsonl was altered .* run prepare.py again"):
            check_work(work)
        pairs.unlink()
        with self.assertRaisesRegex(SystemExit, "train/pairs.jsonl is missing: run prepare.py again"):
            check_work(work)
        with self.assertRaisesRegex(SystemExit, "manifest.json is missing: run prepare.py first"):
            check_work(self.folder)

    def test_a_full_disk_leaves_the_checkpoint_before(self) -> None:
        path = self.folder / "checkpoint.pt"
        save_checkpoint(path, {"adapter": {"a": torch.ones(3)}})
        before = path.read_bytes()
        path.with_suffix(".new").symlink_to("/dev/full")  # every write to it fails with ENOSPC
        with self.assertRaisesRegex(SystemExit, "No space left on device.*checkpoint before is whole.*make room"):
            save_checkpoint(path, {"adapter": {"a": torch.zeros(3)}})
        self.assertEqual(path.read_bytes(), before)
        self.assertEqual(os.listdir(self.folder), ["checkpoint.pt"])

    def test_a_full_disk_under_the_log_is_explained(self) -> None:
        run = self.folder / "run"
        run.mkdir()
        (run / "log.jsonl").symlink_to("/dev/full")
        with self.assertRaisesRegex(SystemExit, "the disk is full .*checkpoint.pt is as it was last saved; make room"):
            self.train("--tokens", "100")

    def test_a_checkpoint_of_other_shapes_or_a_damaged_one_is_refused(self) -> None:
        path = self.folder / "checkpoint.pt"
        save_checkpoint(path, {"adapter": {"a": torch.ones(3), "b": torch.ones(2)}})
        with self.assertRaisesRegex(SystemExit, r"a is \(3,\), this run needs \(4,\); use another --out"):
            load_checkpoint(path, {"a": torch.ones(4), "b": torch.ones(2)}, "cpu")
        with self.assertRaisesRegex(SystemExit, "b is .* this run needs absent"):
            load_checkpoint(path, {"a": torch.ones(3)}, "cpu")
        path.write_bytes(path.read_bytes()[:100])
        with self.assertRaisesRegex(SystemExit, "not a readable checkpoint"):
            load_checkpoint(path, {"a": torch.ones(3)}, "cpu")

    def test_a_lost_gpu_is_explained(self) -> None:
        (self.folder / "checkpoint.pt").touch()
        lost = explain(RuntimeError("CUDA error: unspecified launch failure\nCompile with ..."), self.folder)
        self.assertRegex(lost or "", "the GPU was lost .*unspecified launch failure.* same command goes on from there")
        full = explain(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), self.folder)
        self.assertRegex(full or "", "memory is full .* smaller --budget")
        disk = explain(OSError(errno.ENOSPC, "No space left on device", "x"), self.folder / "absent")
        self.assertRegex(disk or "", "the disk is full .* nothing was saved")
        self.assertIsNone(explain(ValueError("a mistake of ours"), self.folder))

    def test_options_that_would_lose_work_are_refused(self) -> None:
        with self.assertRaisesRegex(SystemExit, "--save-minutes 30.0: at most 5.0"):
            self.train("--tokens", "10", "--save-minutes", "30")
        with self.assertRaisesRegex(SystemExit, "--scorer needs --conditional"):
            self.train("--tokens", "10", "--scorer", str(self.folder))
        with self.assertRaisesRegex(SystemExit, "--rounded-share needs --conditional"):
            self.train("--tokens", "10", "--rounded-share", "0.5")
        for wrong in ("explain", "haiku=3", "explain=-1"):
            with self.assertRaises(SystemExit), contextlib.redirect_stderr(io.StringIO()) as said:
                self.train("--tokens", "10", "--mix", wrong)
            self.assertRegex(said.getvalue(), f"--mix: {wrong}: (say TASK=WEIGHT|weights are 0 or more)")
        with self.assertRaisesRegex(SystemExit, "has no anchor_scorer.safetensors"):
            self.train("--tokens", "10", "--conditional", "--scorer", str(self.folder))


if __name__ == "__main__":
    unittest.main()
