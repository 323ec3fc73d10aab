import { frequencyFactors } from '../../../src/convert/ropeTable.ts';
import type { TinyDecoder } from './tinyDecoder.ts';

/** What the reference computes over a whole text. `scores[layer][head][key]`: largest probability over all queries. */
export interface ReferenceResult {
  readonly logits: readonly Float64Array[];
  readonly scores: readonly (readonly Float64Array[])[];
}

/**
 * A decoder of the Llama family in plain loops and double precision, written from the papers' formulas: what the converted graph is
 * compared with. Causal attention; `marked` embeddings have `markVector` added.
 */
export function runReference(
  { config, tensors }: TinyDecoder,
  ids: readonly number[],
  { marked = [], markVector }: { marked?: readonly number[]; markVector?: Float32Array } = {},
): ReferenceResult {
  const { hidden_size: hidden, head_dim: headDim, num_attention_heads: heads, num_key_value_heads: kvHeads } = config;
  const tensor = (name: string) => tensors.get(name) ?? new Float32Array();
  const table = tensor('model.embed_tokens.weight');
  const states = ids.map((id, position) => {
    const row = Float64Array.from(table.subarray(id * hidden, (id + 1) * hidden));
    if (marked.includes(position)) markVector?.forEach((value, i) => (row[i] = (row[i] ?? 0) + value));
    return row;
  });
  const factors = frequencyFactors(config);
  const scores: Float64Array[][] = [];
  for (let layer = 0; layer < config.num_hidden_layers; layer++) {
    const part = (name: string) => tensor(`model.layers.${layer}.${name}`);
    const normed = states.map((state) => rmsNorm(state, part('input_layernorm.weight'), config.rms_norm_eps));
    const project = (name: string, count: number, rotated: boolean) =>
      normed.map((state, position) => {
        const row = multiply(part(`self_attn.${name}_proj.weight`), state);
        part(`self_attn.${name}_proj.bias`).forEach((value, i) => (row[i] = (row[i] ?? 0) + value));
        return Array.from({ length: count }, (_, head) => {
          let values: Float64Array = row.slice(head * headDim, (head + 1) * headDim);
          const headNorm = part(`self_attn.${name}_norm.weight`);
          if (headNorm.length > 0) values = rmsNorm(values, headNorm, config.rms_norm_eps);
          return rotated ? rotate(values, position, config.rope_theta, factors) : values;
        });
      });
    const queries = project('q', heads, true);
    const keys = project('k', kvHeads, true);
    const values = project('v', kvHeads, false);
    const layerScores = Array.from({ length: heads }, () => new Float64Array(ids.length));
    for (const [position, state] of states.entries()) {
      const mixed = new Float64Array(heads * headDim);
      for (let head = 0; head < heads; head++) {
        const kvHead = Math.floor(head / (heads / kvHeads));
        const query = queries[position]?.[head] ?? new Float64Array();
        const logits = Array.from(
          { length: position + 1 },
          (_, j) => dot(query, keys[j]?.[kvHead]) / Math.sqrt(headDim),
        );
        for (const [j, probability] of softmax(logits).entries()) {
          const best = layerScores[head];
          if (best) best[j] = Math.max(best[j] ?? 0, probability);
          values[j]?.[kvHead]?.forEach(
            (value, i) => (mixed[head * headDim + i] = (mixed[head * headDim + i] ?? 0) + probability * value),
          );
        }
      }
      multiply(part('self_attn.o_proj.weight'), mixed).forEach((value, i) => (state[i] = (state[i] ?? 0) + value));
    }
    scores.push(layerScores);
    for (const state of states) {
      const x = rmsNorm(state, part('post_attention_layernorm.weight'), config.rms_norm_eps);
      const gate = multiply(part('mlp.gate_proj.weight'), x);
      const up = multiply(part('mlp.up_proj.weight'), x);
      const inner = gate.map((value, i) => (value / (1 + Math.exp(-value))) * (up[i] ?? 0));
      multiply(part('mlp.down_proj.weight'), inner).forEach((value, i) => (state[i] = (state[i] ?? 0) + value));
    }
  }
  const head = config.tie_word_embeddings ? table : tensor('lm_head.weight');
  const logits = states.map((state) =>
    multiply(head, rmsNorm(state, tensor('model.norm.weight'), config.rms_norm_eps)),
  );
  return { logits, scores };
}

/** `matrix [rows, columns] · x` */
export function multiply(matrix: Float32Array, x: Float64Array): Float64Array {
  const rows = new Float64Array(matrix.length / x.length);
  for (let row = 0; row < rows.length; row++) {
    for (let i = 0; i < x.length; i++) rows[row] = (rows[row] ?? 0) + (matrix[row * x.length + i] ?? 0) * (x[i] ?? 0);
  }
  return rows;
}

function dot(a: Float64Array, b: Float64Array | undefined): number {
  return a.reduce((sum, value, i) => sum + value * (b?.[i] ?? 0), 0);
}

function rmsNorm(x: Float64Array, weight: Float32Array, epsilon: number): Float64Array {
  const inverse = 1 / Math.sqrt(dot(x, x) / x.length + epsilon);
  return x.map((value, i) => value * inverse * (weight[i] ?? 0));
}

/** Pairs (i, i + d/2), as Hugging Face rotates them. */
function rotate(x: Float64Array, position: number, theta: number, factors: readonly number[]): Float64Array {
  const half = x.length / 2;
  return x.map((value, i) => {
    const angle = (position * theta ** (-(i % half) / half)) / (factors[i % half] ?? 1);
    const other = i < half ? -(x[i + half] ?? 0) : (x[i - half] ?? 0);
    return value * Math.cos(angle) + other * Math.sin(angle);
  });
}

function softmax(values: readonly number[]): number[] {
  const largest = Math.max(...values);
  const powers = values.map((value) => Math.exp(value - largest));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((value) => value / sum);
}
