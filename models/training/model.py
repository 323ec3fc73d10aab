"""A Llama decoder with the AnSAN mask (Pang et al., arXiv 2402.07616, Eq. 4), a LoRA and an anchor embedding.

Shapes: B rows, T tokens, M anchors, H query heads, K key/value heads, g = H / K, d head_dim, D hidden.
Every query sees two groups of keys: the T tokens themselves, rotated at their own positions, and M copies of the
anchors, rotated at their places in the anchor cache. One forward is then the same as a streamed run that reduces
after each sequence (layout.py says which query sees which key).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from lora import PROJECTIONS, Anchoring, LoraLinear

RECOMPUTED_FROM = 1024  # tokens of a row: from here on layers are computed again for the gradient, not kept
# Called with a layer's attention [B, K, g, T, T + M] and values [B, K, T + M, d].
Tap = Callable[[Tensor, Tensor], None]


@dataclass(frozen=True)
class DecoderConfig:
    """The part of a Hugging Face Llama config that the forward pass needs."""

    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    intermediate_size: int
    vocab_size: int
    rms_norm_eps: float
    rope_theta: float
    tie_word_embeddings: bool

    @staticmethod
    def of(fields: dict) -> "DecoderConfig":
        """Pick the fields from a parsed config.json; SystemExit names one that is missing."""
        missing = [name for name in DecoderConfig.__dataclass_fields__ if name not in fields]
        if missing:
            raise SystemExit(f"the decoder's config lacks {', '.join(missing)}")
        return DecoderConfig(**{name: fields[name] for name in DecoderConfig.__dataclass_fields__})


def rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """x / rms(x) * weight, the mean taken in float32."""
    wide = x.float()
    return (wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + eps)).to(x.dtype) * weight


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """RoPE, half-split order. x [B, heads, T, d], cos and sin [B, 1, T, d]."""
    half = x.shape[-1] // 2
    turned = torch.cat((-x[..., half:], x[..., :half]), -1)
    return x * cos + turned * sin


def attend(q: Tensor, k: Tensor, v: Tensor, bias: Tensor, tap: Tap | None) -> Tensor:
    """softmax(q k^T / sqrt(d) + bias) v, query heads grouped over their key head.

    q [B, H, T, d], k and v [B, K, S, d], bias [B, 1, T, S] -> [B, H, T, d]. On a CPU plain products are twice as
    fast as scaled_dot_product_attention with a mask.
    """
    batch, heads, length, width = q.shape
    kv_heads, keys = k.shape[1], k.shape[2]
    group = heads // kv_heads
    grouped = (q * width**-0.5).reshape(batch, kv_heads, group * length, width)
    scores = torch.matmul(grouped, k.transpose(2, 3)).view(batch, kv_heads, group, length, keys) + bias[:, :, None]
    weights = torch.softmax(scores, -1)
    if tap is not None:
        tap(weights, v)
    return torch.matmul(weights.view(batch, kv_heads, group * length, keys), v).view(batch, heads, length, width)


class Block(nn.Module):
    """One decoder layer: attention over tokens and anchor copies, then the gated MLP.

    Biases (Qwen2) and norms of query and key heads (Qwen3) are used where the weights have them.
    """

    def __init__(self, config: DecoderConfig, weights: dict[str, Tensor], index: int, anchoring: Anchoring) -> None:
        super().__init__()
        self.config = config
        prefix = f"model.layers.{index}."
        for name in PROJECTIONS:
            part = "mlp" if name in ("gate_proj", "up_proj", "down_proj") else "self_attn"
            weight, bias = (weights.get(f"{prefix}{part}.{name}.{kind}") for kind in ("weight", "bias"))
            setattr(self, name, LoraLinear(weight, bias, anchoring.rank_of(index, name), anchoring.alpha))
        head_norms = [weights.get(f"{prefix}self_attn.{name}.weight") for name in ("q_norm", "k_norm")]
        self.q_norm, self.k_norm = (w if w is None else nn.Parameter(w, requires_grad=False) for w in head_norms)
        self.input_norm = nn.Parameter(weights[prefix + "input_layernorm.weight"], requires_grad=False)
        self.post_norm = nn.Parameter(weights[prefix + "post_attention_layernorm.weight"], requires_grad=False)

    def forward(self, x: Tensor, layout: "Rotary", bias: Tensor, tap: Tap | None) -> Tensor:
        c = self.config
        batch, length, _ = x.shape
        gate = layout.gate
        h = rms_norm(x, self.input_norm, c.rms_norm_eps)
        q = self.q_proj(h, gate).view(batch, length, c.num_attention_heads, c.head_dim).transpose(1, 2)
        k = self.k_proj(h, gate).view(batch, length, c.num_key_value_heads, c.head_dim).transpose(1, 2)
        v = self.v_proj(h, gate).view(batch, length, c.num_key_value_heads, c.head_dim).transpose(1, 2)
        if self.q_norm is not None:
            q = rms_norm(q, self.q_norm, c.rms_norm_eps)
            k = rms_norm(k, self.k_norm, c.rms_norm_eps)
        keys, values = rotate(k, *layout.own), v
        if layout.anchors is not None:
            index = layout.anchors[:, None, :, None].expand(-1, c.num_key_value_heads, -1, c.head_dim)
            keys = torch.cat((keys, rotate(k.gather(2, index), *layout.cached)), 2)
            values = torch.cat((values, v.gather(2, index)), 2)
        mixed = attend(rotate(q, *layout.own), keys, values, bias, tap)
        x = x + self.o_proj(mixed.transpose(1, 2).reshape(batch, length, -1), gate)
        h = rms_norm(x, self.post_norm, c.rms_norm_eps)
        return x + self.down_proj(F.silu(self.gate_proj(h, gate)) * self.up_proj(h, gate), gate)


@dataclass(frozen=True)
class Rotary:
    """Angles of the tokens (`own`), and the anchors' indices [B, M] with the angles of their cache places. `gate`
    [B, T, 1]: where a conditional LoRA is active."""

    own: tuple[Tensor, Tensor]
    anchors: Tensor | None
    cached: tuple[Tensor, Tensor] | None
    gate: Tensor | None = None


class AnchorDecoder(nn.Module):
    """The decoder. `anchor_embedding` [1, D] is added to marked tokens (mark) or is the row of `<AC>` (AC)."""

    def __init__(
        self, config: DecoderConfig, weights: dict[str, Tensor], anchoring: Anchoring, dtype: torch.dtype
    ) -> None:
        super().__init__()
        self.config = config
        self.anchoring = anchoring
        weights = {name: value.to(dtype) for name, value in weights.items()}
        self.embedding = nn.Parameter(weights["model.embed_tokens.weight"], requires_grad=False)
        tied = self.config.tie_word_embeddings
        self.head = self.embedding if tied else nn.Parameter(weights["lm_head.weight"], requires_grad=False)
        self.blocks = nn.ModuleList(
            Block(self.config, weights, index, anchoring) for index in range(self.config.num_hidden_layers)
        )
        self.norm = nn.Parameter(weights["model.norm.weight"], requires_grad=False)
        if anchoring.scheme == "mark":
            self.anchor_embedding = nn.Parameter(torch.zeros(1, self.config.hidden_size))
        elif anchoring.scheme == "AC":
            mean = self.embedding.float().mean(0, keepdim=True)
            self.anchor_embedding = nn.Parameter(mean.repeat(anchoring.added, 1))
        self.scorer: nn.Module | None = None  # of the choice `learned`, frozen: scorer.py
        half = torch.arange(0, self.config.head_dim, 2).float() / self.config.head_dim
        self.register_buffer("frequencies", 1.0 / self.config.rope_theta**half, persistent=False)

    def trainable(self) -> dict[str, nn.Parameter]:
        """The adapter's parameters by name."""
        return {name: value for name, value in self.named_parameters() if value.requires_grad}

    def enable_lora(self, enabled: bool) -> None:
        """Switch the LoRA off to run the base itself, and on again."""
        for module in self.modules():
            if isinstance(module, LoraLinear):
                module.enabled = enabled and module.scale > 0

    def angles(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """cos and sin [B, 1, T, d] of positions [B, T]."""
        turns = positions[..., None].float() * self.frequencies
        turns = torch.cat((turns, turns), -1)
        dtype = self.embedding.dtype
        return turns.cos().to(dtype)[:, None], turns.sin().to(dtype)[:, None]

    def gate_of(self, ids: Tensor, marks: Tensor | None, dtype: torch.dtype) -> Tensor | None:
        """Where the LoRA is active [B, T, 1]; None: everywhere."""
        if not self.anchoring.conditional:
            return None
        return (torch.zeros_like(ids) if marks is None else marks)[..., None].to(dtype)

    def embed(self, ids: Tensor, marks: Tensor | None) -> Tensor:
        """Input embeddings [B, T, D]; ids beyond the vocabulary are added anchor tokens; marks [B, T] is boolean."""
        x = F.embedding(ids.clamp(max=self.config.vocab_size - 1), self.embedding)
        if self.anchoring.scheme == "mark" and marks is not None:
            x = x + marks[..., None].to(x.dtype) * self.anchor_embedding[0].to(x.dtype)
        elif self.anchoring.scheme == "AC":
            added = (ids - self.config.vocab_size).clamp(min=0)
            rows = F.embedding(added, self.anchor_embedding.to(x.dtype))
            x = torch.where((ids >= self.config.vocab_size)[..., None], rows, x)
        return x

    def forward(
        self,
        ids: Tensor,
        positions: Tensor,
        bias: Tensor,
        marks: Tensor | None = None,
        anchors: Tensor | None = None,
        cache_positions: Tensor | None = None,
        tap: Tap | None = None,
        layers: int | None = None,
    ) -> Tensor:
        """Final hidden states [B, T, D] of ids [B, T] under an additive bias [B, 1, T, T + M]."""
        x = self.embed(ids, marks)
        cached = None if cache_positions is None else self.angles(cache_positions)
        rotary = Rotary(self.angles(positions), anchors, cached, self.gate_of(ids, marks, x.dtype))
        recomputed = torch.is_grad_enabled() and ids.shape[1] > RECOMPUTED_FROM
        for block in self.blocks[:layers]:
            if recomputed:
                x = checkpoint(block, x, rotary, bias, tap, use_reentrant=False)
            else:
                x = block(x, rotary, bias, tap)
        return rms_norm(x, self.norm, self.config.rms_norm_eps)

    def logits(self, hidden: Tensor) -> Tensor:
        """Vocabulary logits of chosen hidden states [..., D]."""
        return F.linear(hidden, self.head)
