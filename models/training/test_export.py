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
from adapter import adapter_shape, read_weights
from base import read_decoder
from model import AnchorDecoder, DecoderConfig
from tinywork import write_work


class ExportTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.work = Path(cls.folder.name) / "work"
        write_work(cls.work)

    def trained(self, name: str, *options: str) -> tuple[dict, dict, AnchorDecoder]:
        """anchor_config, adapter_config and the decoder with the exported adapter."""
        run, out = Path(self.folder.name) / name, Path(self.folder.name) / f"{name}-out"
        sizes = ["--rank", "2", "--budget", "700", "--longest", "700", "--threads", "1"]
        short = ["--tokens", "1500", "--eval-minutes", "inf"]
        paths = ["--work", str(self.work), "--out", str(run)]
        base = self.work / "base" / "model.safetensors"
        with contextlib.redirect_stdout(io.StringIO()):
            train.main([*paths, *sizes, *short, *options])
            export.main(["--run", str(run), "--base-file", str(base), "--base-name", "tiny", "--out", str(out)])
        anchors = json.loads((out / "anchor_config.json").read_text(encoding="utf8"))
        config, weights = read_decoder(self.work / "base")
        shape = adapter_shape(out, anchors["scheme"])
        model = AnchorDecoder(DecoderConfig.of(config), weights, shape, torch.float32)
        read_weights(model, out)
        learned = torch.load(run / "checkpoint.pt", weights_only=True)["adapter"]
        for key, value in model.trainable().items():
            self.assertLess((value - learned[key]).abs().max().item(), 1e-2, key)
        moved = [value for key, value in learned.items() if key.endswith("lora_B")]
        self.assertGreater(max(value.abs().max().item() for value in moved), 0)
        return anchors, json.loads((out / "adapter_config.json").read_text(encoding="utf8")), model

    def test_mark_of_the_upper_layers(self) -> None:
        anchors, lora, model = self.trained("mark", "--layers", "upper", "--ratios", "8,whole")
        self.assertEqual((anchors["scheme"], anchors["anchor_token_ids"], anchors["choice"]), ("mark", [], "window"))
        self.assertEqual((anchors["ratio"], anchors["ratios"]), (8, [8, 1024]))
        self.assertEqual(anchors["max_sequence_tokens"], 512)
        self.assertNotIn("lora_on", anchors)
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
        self.assertEqual(anchors["lora_on"], "anchors")
        self.assertTrue(model.anchoring.conditional)
        self.assertNotIn("anchor_embedding", model.trainable())


if __name__ == "__main__":
    unittest.main()
