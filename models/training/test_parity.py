"""One masked forward and a streamed run that really drops keys and values give the same logits.

    python -m unittest test_parity
"""

from __future__ import annotations

import argparse
import unittest

import torch
import torch.nn.functional as F
from torch import Tensor

from layout import Context, Rules, collate, place, place_full, run
from lora import Anchoring, adapted_matrices
from model import AnchorDecoder, DecoderConfig, rms_norm, rotate
from tiny import make_config, make_weights

VOCABULARY = 96


def tiny(scheme: str, family: str, layers: str = "all", conditional: bool = False, added: int = 1) -> AnchorDecoder:
    """A tiny decoder whose LoRA and anchor embedding are random, in float64."""
    sizes = {"hidden": 48, "layers": 3, "heads": 4, "kv_heads": 2, "head_dim": 12, "intermediate": 64}
    options = argparse.Namespace(family=family, vocab=VOCABULARY, rope_theta=10000.0, untied=False, **sizes)
    config = make_config(options)
    generator = torch.Generator().manual_seed(1)
    weights = make_weights(config, generator)
    rank = 0 if scheme == "select" else 4
    anchoring = Anchoring(scheme, rank, 8, added, adapted_matrices(layers, 3), conditional)
    model = AnchorDecoder(DecoderConfig.of(config), weights, anchoring, torch.float64).double()
    for value in model.trainable().values():
        value.data = torch.randn(value.shape, generator=generator, dtype=torch.float64) * 0.3
    return model


class Streamed:
    """Reads token by token with a cache of rotated keys, and reduces it after each sequence."""

    def __init__(self, model: AnchorDecoder, rules: Rules) -> None:
        self.model, self.rules = model, rules
        self.keys: list[list[Tensor]] = [[] for _ in model.blocks]
        self.values: list[list[Tensor]] = [[] for _ in model.blocks]
        self.places: list[int] = []
        self.kept: list[str] = []  # "prefix", "anchor", or "open": a row of the sequence being read

    def read(self, token: int, position: int, marked: bool, sees_anchors: bool, kind: str) -> Tensor:
        """Final hidden state [D] of one token."""
        model, c = self.model, self.model.config
        ids, marks = torch.tensor([[token]]), torch.tensor([[marked]])
        x = model.embed(ids, marks)
        gate = model.gate_of(ids, marks, x.dtype)
        cos, sin = model.angles(torch.tensor([[position]]))
        self.places.append(position)
        self.kept.append(kind)
        visible = [row for row, name in enumerate(self.kept) if name != "anchor" or sees_anchors]
        for block, keys, values in zip(model.blocks, self.keys, self.values):
            h = rms_norm(x, block.input_norm, c.rms_norm_eps)
            q = block.q_proj(h, gate).view(1, c.num_attention_heads, 1, c.head_dim)
            k = block.k_proj(h, gate).view(1, c.num_key_value_heads, 1, c.head_dim)
            if block.q_norm is not None:
                q, k = rms_norm(q, block.q_norm, c.rms_norm_eps), rms_norm(k, block.k_norm, c.rms_norm_eps)
            keys.append(rotate(k, cos, sin)[0, :, 0])
            values.append(block.v_proj(h, gate).view(c.num_key_value_heads, c.head_dim))
            group = c.num_attention_heads // c.num_key_value_heads
            key = torch.stack([keys[row] for row in visible], 1).repeat_interleave(group, 0)
            value = torch.stack([values[row] for row in visible], 1).repeat_interleave(group, 0)
            weights = torch.softmax(rotate(q, cos, sin)[0] @ key.transpose(1, 2) * c.head_dim**-0.5, -1)
            x = x + block.o_proj((weights @ value).reshape(1, 1, -1), gate)
            h = rms_norm(x, block.post_norm, c.rms_norm_eps)
            x = x + block.down_proj(F.silu(block.gate_proj(h, gate)) * block.up_proj(h, gate), gate)
        return rms_norm(x, model.norm, c.rms_norm_eps)[0, 0]

    def reduce(self, anchors: list[int]) -> None:
        """Drop the open rows that are no anchors; under `cache`, turn the kept keys on to their new places."""
        first = self.kept.index("open")
        rows = [first + anchor for anchor in anchors]
        for row in rows:
            self.kept[row] = "anchor"
        keep = [row for row, name in enumerate(self.kept) if name != "open"]
        moved = {row: keep.index(row) if self.rules.positions == "cache" else self.places[row] for row in rows}
        for keys in self.keys:
            for row, target in moved.items():
                cos, sin = self.model.angles(torch.tensor([[target - self.places[row]]]))
                keys[row] = rotate(keys[row][None, :, None], cos, sin)[0, :, 0]
        places = [moved.get(row, self.places[row]) for row in keep]
        self.places, self.kept = places, [self.kept[row] for row in keep]
        self.keys = [[keys[row] for row in keep] for keys in self.keys]
        self.values = [[values[row] for row in keep] for values in self.values]


def streamed_logits(model: AnchorDecoder, context: Context, anchors: list[list[int]], rules: Rules) -> Tensor:
    """Logits of the live tokens from a streamed run."""
    stream, text = Streamed(model, rules), 0
    for token in context.prefix:
        stream.read(token, text, False, True, "prefix")
        text += 1
    prefix = text
    for tokens, chosen, alone in zip(context.sealed, anchors, context.independent):
        rows = prefix if alone else len(stream.kept)
        start = text if rules.positions == "absolute" else rows
        for t, token in enumerate(tokens):
            marked = t in chosen
            sees = not alone and (rules.anchors_see_anchors or not marked)
            stream.read(token, start + t, marked, sees, "open")
        stream.reduce(chosen)
        text += len(tokens)
    start = text if rules.positions == "absolute" else len(stream.kept)
    states = [stream.read(token, start + t, False, True, "open") for t, token in enumerate(context.live)]
    return model.logits(torch.stack(states))


class ParityTest(unittest.TestCase):
    @torch.no_grad()
    def check(self, scheme: str, rules: Rules, family: str = "llama", alone: bool = False, **adapter: object) -> None:
        model = tiny(scheme, family, **adapter)
        generator = torch.Generator().manual_seed(2)

        def draw(count: int) -> list[int]:
            return torch.randint(0, VOCABULARY, (count,), generator=generator).tolist()

        sealed, anchors = [draw(9), draw(5), draw(12), draw(3)], [[2, 7, 8], [4], [0, 5, 6, 11], [1]]
        if scheme == "AC":
            for tokens, chosen in zip(sealed, anchors):
                for turn, index in enumerate(chosen):
                    tokens[index] = VOCABULARY + turn % model.anchoring.added
        context = Context(draw(4), sealed, [False, alone, alone, False], draw(6))
        placed = place(context, anchors, rules)
        hidden = run(model, collate([placed], rules, torch.float64))[0]
        masked = model.logits(hidden[len(placed.ids) - 6 : len(placed.ids)])
        streamed = streamed_logits(model, context, anchors, rules)
        self.assertGreater(masked.abs().max().item(), 1)
        self.assertLess((masked - streamed).abs().max().item(), 1e-5)

    def test_mark_cache(self) -> None:
        self.check("mark", Rules(True, "cache"))

    def test_mark_absolute_strict(self) -> None:
        self.check("mark", Rules(False, "absolute"))

    def test_independent_chunks(self) -> None:
        self.check("mark", Rules(True, "cache"), alone=True)

    def test_added_anchors(self) -> None:
        self.check("AC", Rules(False, "absolute"))
        self.check("AC", Rules(False, "cache"))

    def test_several_added_anchors_take_turns(self) -> None:
        self.check("AC", Rules(False, "cache"), added=3)

    def test_conditional_lora(self) -> None:
        for scheme in ("mark", "AC", "EP"):
            self.check(scheme, Rules(True, "cache"), conditional=True)
        self.check("mark", Rules(False, "absolute"), conditional=True, layers="attention")

    def test_some_layers(self) -> None:
        self.check("mark", Rules(True, "cache"), layers="upper")
        self.check("mark", Rules(True, "cache"), layers="attention")

    @torch.no_grad()
    def test_conditional_lora_leaves_the_base_alone(self) -> None:
        model, rules = tiny("mark", "llama", conditional=True), Rules()
        whole = collate([place_full(Context([1, 2], [[3, 4, 5]], [False], [6, 7]), True)], rules, torch.float64)
        kept = run(model, whole)
        model.enable_lora(False)
        self.assertLess((run(model, whole) - kept).abs().max().item(), 1e-12)

    def test_endpoints_and_select(self) -> None:
        self.check("EP", Rules(False, "absolute"))
        self.check("select", Rules(True, "cache"))

    def test_other_families(self) -> None:
        self.check("mark", Rules(True, "cache"), family="qwen2")
        self.check("mark", Rules(True, "cache"), family="qwen3")

    @torch.no_grad()
    def test_padding_changes_nothing(self) -> None:
        model, rules = tiny("mark", "llama"), Rules()
        short = place(Context([1, 2], [[3, 4, 5]], [False], [6, 7]), [[1]], rules)
        long = place(Context([1, 2], [[3] * 30], [False], [6] * 9), [[3, 29]], rules)
        alone = run(model, collate([short], rules, torch.float64, round_to=1))[0, :7]
        beside = run(model, collate([short, long], rules, torch.float64))[0, :7]
        self.assertLess((alone - beside).abs().max().item(), 1e-6)


if __name__ == "__main__":
    unittest.main()
