"""A short run of every scheme, exported and read back: python -m unittest test_export"""

from __future__ import annotations

import contextlib
import io
import json
import tempfile
import unittest
from pathlib import Path

import torch

import export
import train
import merge
from adapter import lora_folder, read_adapted, read_anchor_config, read_weights
from checkpoint import check_work
from model import AnchorDecoder
from scorer import SCORER, AnchorScorer, write_scorer
from tinywork import write_work


class ExportTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.work = Path(cls.folder.name) / "work"
        write_work(cls.work)

    def trained(
        self, name: str, *options: str, work: Path | None = None, over: Path | None = None
    ) -> tuple[dict, dict, AnchorDecoder]:
        """anchor_config, adapter_config and the decoder with the exported adapter."""
        run, out = Path(self.folder.name) / name, Path(self.folder.name) / f"{name}-out"
        sizes = ["--rank", "2", "--budget", "700", "--longest", "700", "--threads", "1"]
        short = ["--tokens", "1500", "--eval-minutes", "inf"]
        paths = ["--work", str(work or self.work), "--out", str(run)]
        under = ["--over", str(over)] if over else []
        base = self.work / "base" / "model.safetensors"
        with contextlib.redirect_stdout(io.StringIO()):
            train.main([*paths, *sizes, *short, *options])
            export.main(["--run", str(run), "--base-file", str(base), "--base-name", "tiny", *under, "--out", str(out)])
        anchors = json.loads((out / "anchor_config.json").read_text(encoding="utf8"))
        model = read_adapted(self.work / "base", out, anchors["scheme"], torch.float32)
        learned = torch.load(run / "checkpoint.pt", weights_only=True)["adapter"]
        for key, value in model.trainable().items():
            self.assertLess((value - learned[key]).abs().max().item(), 1e-2, key)
        moved = [value for key, value in learned.items() if key.endswith("lora_B")]
        self.assertGreater(max(value.abs().max().item() for value in moved), 0)
        lora = lora_folder(out, model.anchoring.conditional) / "adapter_config.json"
        return anchors, json.loads(lora.read_text(encoding="utf8")), model

    def test_mark_of_the_upper_layers(self) -> None:
        anchors, lora, model = self.trained("mark", "--layers", "upper", "--ratios", "8,whole")
        self.assertEqual((anchors["scheme"], anchors["anchor_token_ids"], anchors["choice"]), ("mark", [], "attention"))
        self.assertEqual((anchors["ratio"], anchors["ratios"]), (8, [8]))
        self.assertEqual(anchors["max_sequence_tokens"], 512)
        again = ["--run", f"{self.folder.name}/mark", "--base-file", str(self.work / "base" / "model.safetensors")]
        again += ["--out", f"{self.folder.name}/mark-out", "--longest-sequence"]
        export.main([*again, "256"])
        self.assertEqual(read_anchor_config(Path(again[5]))["max_sequence_tokens"], 256)
        with self.assertRaisesRegex(SystemExit, "--longest-sequence 1024: .* learned 1 to 512"):
            export.main([*again, "1024"])
        self.assertEqual(lora["layers_to_transform"], [1])
        self.assertFalse(any(name.startswith("blocks.0.") for name in model.trainable()))

    def test_added_anchors(self) -> None:
        anchors, lora, model = self.trained("AC", "--scheme", "AC", "--added", "2", "--strict", "--ratios", "whole")
        size = model.config.vocab_size
        self.assertEqual(anchors["anchor_token_ids"], [size, size + 1])
        self.assertEqual((anchors["choices"], anchors["ratio"]), (["stride"], 1024))
        self.assertFalse(anchors["anchors_see_anchors"])
        self.assertNotIn("layers_to_transform", lora)
        self.assertEqual(model.anchor_embedding.shape[0], 2)

    def test_endpoints_with_a_conditional_lora_of_the_attention(self) -> None:
        options = ("--scheme", "EP", "--endpoints", ". ;", "--layers", "attention", "--conditional")
        anchors, lora, model = self.trained("EP", *options)
        self.assertEqual(len(anchors["anchor_token_ids"]), 2)
        self.assertTrue(all(number < model.config.vocab_size for number in anchors["anchor_token_ids"]))
        self.assertEqual(lora["target_modules"], ["q_proj", "k_proj", "v_proj", "o_proj"])
        self.assertTrue(model.anchoring.conditional)
        self.assertNotIn("anchor_embedding", model.trainable())

    def test_a_lora_on_anchors_over_one_for_all_tokens(self) -> None:
        self.trained("under")
        folder = Path(self.folder.name)
        under, merged, out = folder / "under-out", folder / "merged", folder / "over-out"
        merge.main(["--work", str(self.work), "--adapter", str(under), "--out", str(merged)])
        check_work(merged)
        check_work(self.work)
        write_scorer(AnchorScorer(32, 3), under)
        from_under = ("--init-anchors", str(under), "--scorer", str(under), "--rounded-share", "0.5")
        anchors, _, layered = self.trained("over", "--conditional", *from_under, work=merged, over=under)
        self.assertEqual((anchors["choice"], anchors["choices"][-1]), ("learned", "learned"))
        self.assertEqual((out / SCORER).read_bytes(), (under / SCORER).read_bytes())
        names = ("adapter_model.safetensors", "adapter_config.json")
        for name in names:
            self.assertEqual((out / name).read_bytes(), (under / name).read_bytes())
            self.assertTrue((out / "anchors" / name).is_file())

        ids = torch.tensor([[1, 2, 3, 4]])
        bias = torch.full((4, 4), -1e9).triu(1)[None, None]
        positions = torch.arange(4)[None]
        before = read_adapted(self.work / "base", under, "mark", torch.float32)
        no_marks, marks = torch.zeros(1, 4, dtype=torch.bool), torch.tensor([[False, True, False, False]])
        with torch.no_grad():
            whole = layered(ids, positions, bias, no_marks)
            self.assertLess((whole - before(ids, positions, bias)).abs().max().item(), 1e-4)
            marked = layered(ids, positions, bias, marks)
            layered.enable_lora(False)
            self.assertGreater((layered(ids, positions, bias, marks) - marked).abs().max().item(), 1e-5)
        # Of an adapter with two, a run begins with the LoRA for the tokens that its own is for.
        lora = {name: value for name, value in before.trainable().items() if ".lora_" in name}
        wanted = {name: value.detach().clone() for name, value in lora.items()}
        with torch.no_grad():
            for value in lora.values():
                value.zero_()
        read_weights(before, out, "lora")
        self.assertTrue(all(torch.equal(lora[name], value) for name, value in wanted.items()))
        with self.assertRaisesRegex(SystemExit, "merged exists: give another --out"):
            merge.main(["--work", str(self.work), "--adapter", str(under), "--out", str(merged)])
        base = str(self.work / "base" / "model.safetensors")
        with self.assertRaisesRegex(SystemExit, "--over is for a LoRA on anchors alone"):
            export.main(["--run", str(folder / "under"), "--base-file", base, "--over", str(under), "--out", str(out)])


if __name__ == "__main__":
    unittest.main()
