import type { DecoderConfig } from '../protocol/decoderConfig.ts';
import type { Variant } from '../protocol/packageManifest.ts';
import {
  attention,
  prepareShared,
  withOrderedColumns,
  withOrderedRows,
  type CacheType,
  type SharedValues,
} from './attention.ts';
import type { DecoderWeights } from './decoderWeights.ts';
import type { GraphBuilder } from './graphBuilder.ts';
import { linear, type LinearFormat } from './linearLayer.ts';
import { elementTypes } from './onnxModel.ts';
import { ropeTables } from './ropeTable.ts';
import { TokenTable } from './tokenTable.ts';

/** How a variant stores the four products of a layer, and the table of tokens. */
export interface VariantFormat {
  readonly queriesKeysValues: LinearFormat;
  readonly attentionOutput: LinearFormat;
  readonly gateUp: LinearFormat;
  readonly down: LinearFormat;
  readonly table: 'float' | 'blocks8';
  readonly cache: CacheType;
}

/**
 * Four bits for queries, keys and values would save 8 MB of the built-in model, and cost half as much divergence again (0.21 against
 * 0.14 nats): they stay at eight.
 */
export const variantFormats: Readonly<Record<Variant, VariantFormat>> = {
  fp32: {
    queriesKeysValues: 'float',
    attentionOutput: 'float',
    gateUp: 'float',
    down: 'float',
    table: 'float',
    cache: 'float',
  },
  int8: {
    queriesKeysValues: 'blocks8',
    attentionOutput: 'blocks8',
    gateUp: 'blocks8',
    down: 'blocks8',
    table: 'blocks8',
    cache: 'float16',
  },
  int4: {
    queriesKeysValues: 'blocks8',
    attentionOutput: 'blocks4',
    gateUp: 'blocks4',
    down: 'blocks4',
    table: 'blocks8',
    cache: 'float16',
  },
};

/**
 * The "split" graph of a decoder of the Llama family: keys and values of the past are inputs, those of the new tokens an output.
 *
 * S new tokens, P >= 1 past rows, the last R < P of them recent, N asked positions, L layers, H heads, K key/value heads of d values, V tokens.
 * Inputs: `input_ids`, `position_ids` int64 `[1, S]`; `attention_bias` float `[S, P + S]` or `[1, 1]`, added to the scores;
 * `anchor_mark` float `[1, S]` (scheme mark only), 1 on tokens that become anchors; `logit_indices` int64 `[N]`; `want_scores` bool `[1]`;
 * of the type of the cache `past_key.{l}` `[P, K, d]`, rotated, `past_value.{l}` `[P - R, K, d]`, `recent_value.{l}` `[R, K, d]`.
 * Outputs: `logits` float `[N, V]`; `new_key_values` of the cache's type `[2L, S, K * d]`, rows 2l keys (rotated), 2l + 1 values;
 * `attention_scores` float `[L, H, P + S]`, the largest probability over the S queries, or `[L, H, 0]` when not wanted.
 *
 * @param onLayer called after each layer, to report progress and to stop by throwing.
 */
export async function buildDecoderGraph(
  graph: GraphBuilder,
  weights: DecoderWeights,
  format: VariantFormat,
  onLayer: (layer: number) => Promise<void>,
): Promise<void> {
  const { config } = weights;
  const {
    num_hidden_layers: layers,
    num_attention_heads: heads,
    num_key_value_heads: kvHeads,
    head_dim: headDim,
  } = config;
  graph.input('input_ids', 'int64', [1, 'tokens']);
  graph.input('position_ids', 'int64', [1, 'tokens']);
  graph.input('attention_bias', 'float', ['bias_rows', 'bias_columns']);
  if (weights.anchors.kind === 'mark') graph.input('anchor_mark', 'float', [1, 'tokens']);
  graph.input('logit_indices', 'int64', ['asked']);
  graph.input('want_scores', 'bool', [1]);
  const table = readTable(graph, weights, format);
  const tables = ropeTables(config, config.max_position_embeddings);
  const tableShape = [config.max_position_embeddings, headDim / 2];
  const pasts = Array.from({ length: layers }, (_, layer) => ({
    keys: graph.input(`past_key.${layer}`, format.cache, ['past', kvHeads, headDim]),
    values: graph.input(`past_value.${layer}`, format.cache, ['old', kvHeads, headDim]),
    recent: graph.input(`recent_value.${layer}`, format.cache, ['recent', kvHeads, headDim]),
  }));
  const firstPast = { keys: 'past_key.0', values: 'past_value.0' };
  const shared = prepareShared(graph, config, firstPast, {
    cos: graph.tensor('float', tableShape, tables.cos),
    sin: graph.tensor('float', tableShape, tables.sin),
  });

  let residual = embed(graph, weights, table);
  const norm = (name: string) => graph.tensor('float', [config.hidden_size], weights.vector(name));
  const epsilon = config.rms_norm_eps;
  let normed = graph.op('SimplifiedLayerNormalization', [residual, norm('model.layers.0.input_layernorm.weight')], {
    axis: -1,
    epsilon: { float: epsilon },
    stash_type: 1,
  });
  const newRows: string[] = [];
  const scores: string[] = [];
  for (const [layer, past] of pasts.entries()) {
    const prefix = `model.layers.${layer}`;
    const { queries, keys, values } = projectQueriesKeysValues(graph, weights, format, shared, prefix, normed);
    const attended = attention(
      graph,
      config,
      shared,
      { queries, keys, values, pastKeys: past.keys, pastValues: past.values, recentValues: past.recent },
      format.cache,
    );
    newRows.push(keys, values);
    scores.push(attended.scores);
    const mixed = linear(
      graph,
      attended.attended,
      withOrderedColumns(weights.matrix(`${prefix}.self_attn.o_proj.weight`), config),
      format.attentionOutput,
    );
    const afterAttention = graph.addAndNorm(
      residual,
      mixed,
      norm(`${prefix}.post_attention_layernorm.weight`),
      epsilon,
    );
    const fed = feedForward(graph, weights, format, prefix, afterAttention.normed);
    const nextNorm = layer + 1 < layers ? `model.layers.${layer + 1}.input_layernorm.weight` : 'model.norm.weight';
    const afterFeedForward = graph.addAndNorm(afterAttention.sum, fed, norm(nextNorm), epsilon);
    residual = afterFeedForward.sum;
    normed = afterFeedForward.normed;
    await onLayer(layer);
  }

  const asked = graph.op('Gather', [normed, 'logit_indices'], { axis: 1 });
  const logits = config.tie_word_embeddings
    ? table.project(asked, config.vocab_size)
    : new TokenTable(graph, weights.matrix('lm_head.weight'), format.table).project(asked, config.vocab_size);
  graph.output('logits', graph.op('Reshape', [logits, graph.int64(-1, config.vocab_size)]), 'float', [
    'asked',
    config.vocab_size,
  ]);
  const rows = graph.op('Concat', newRows, { axis: 0 });
  const rowsShape = graph.int64(2 * layers, -1, kvHeads * headDim);
  graph.output('new_key_values', graph.op('Reshape', [rows, rowsShape]), format.cache, [
    2 * layers,
    'tokens',
    kvHeads * headDim,
  ]);
  const scoresShape = graph.op('Concat', [graph.int64(layers, heads), shared.keysScored], { axis: 0 });
  const allScores = graph.op('Reshape', [graph.op('Concat', scores, { axis: 0 }), scoresShape], { allowzero: 1 });
  graph.output('attention_scores', allScores, 'float', [layers, heads, 'scored']);
}

export function readTable(graph: GraphBuilder, weights: DecoderWeights, format: VariantFormat): TokenTable {
  const base = weights.matrix('model.embed_tokens.weight');
  if (weights.anchors.kind !== 'added') return new TokenTable(graph, base, format.table);
  const added = weights.anchors.rows;
  const values = new Float32Array(base.values.length + added.length);
  values.set(base.values);
  values.set(added, base.values.length);
  return new TokenTable(
    graph,
    { values, rows: base.rows + added.length / base.columns, columns: base.columns },
    format.table,
  );
}

export function embed(graph: GraphBuilder, weights: DecoderWeights, table: TokenTable): string {
  const embedded = table.embed('input_ids');
  if (weights.anchors.kind !== 'mark') return embedded;
  const vector = graph.tensor('float', [weights.anchors.vector.length], weights.anchors.vector);
  const marks = graph.op('Unsqueeze', ['anchor_mark', graph.int64(-1)]);
  return graph.op('Add', [embedded, graph.op('Mul', [marks, vector])]);
}

/**
 * Rotated queries `[S, heads, headDim]` in the graph's order of heads; rotated keys and values `[S, kvHeads, headDim]` of the type
 * of the cache.
 */
function projectQueriesKeysValues(
  graph: GraphBuilder,
  weights: DecoderWeights,
  format: VariantFormat,
  shared: SharedValues,
  prefix: string,
  x: string,
): { queries: string; keys: string; values: string } {
  const { config } = weights;
  const { num_attention_heads: heads, num_key_value_heads: kvHeads, head_dim: headDim } = config;
  const names = ['q', 'k', 'v'].map((part) => `${prefix}.self_attn.${part}_proj`);
  const matrix = withOrderedRows(weights.matrix(...names.map((name) => `${name}.weight`)), config);
  let projected = linear(graph, x, matrix, format.queriesKeysValues);
  if (config.attention_bias) {
    const bias = Float32Array.from(names.flatMap((name) => [...weights.vector(`${name}.bias`)]));
    const ordered = withOrderedRows({ values: bias, rows: bias.length, columns: 1 }, config);
    projected = graph.op('Add', [projected, graph.tensor('float', [bias.length], ordered.values)]);
  }
  const byHead = graph.op('Reshape', [projected, graph.int64(-1, heads + 2 * kvHeads, headDim)]);
  // A token is a batch of its own to the operator, and its heads are the sequence.
  const rotate = (value: string, positions: string): string =>
    graph.op('RotaryEmbedding', [value, positions, shared.cos, shared.sin]);
  const cached = (value: string): string =>
    format.cache === 'float' ? value : graph.op('Cast', [value], { to: elementTypes[format.cache] });
  if (config.model_type !== 'qwen3') {
    const [queries = '', both = ''] = graph.split(rotate(byHead, shared.positions), [heads, 2 * kvHeads], 1);
    const [keys = '', values = ''] = graph.split(cached(both), [kvHeads, kvHeads], 1);
    return { queries, keys, values };
  }
  const [queries = '', keys = '', values = ''] = graph.split(byHead, [heads, kvHeads, kvHeads], 1);
  const normed = (value: string, part: 'q' | 'k'): string => {
    const weight = graph.tensor('float', [headDim], weights.vector(`${prefix}.self_attn.${part}_norm.weight`));
    const attributes = { axis: -1, epsilon: { float: config.rms_norm_eps }, stash_type: 1 };
    return graph.op('SimplifiedLayerNormalization', [value, weight], attributes);
  };
  return {
    queries: rotate(normed(queries, 'q'), shared.queryPositions),
    keys: cached(rotate(normed(keys, 'k'), shared.keyPositions)),
    values: cached(values),
  };
}

export function feedForward(
  graph: GraphBuilder,
  weights: DecoderWeights,
  format: VariantFormat,
  prefix: string,
  x: string,
): string {
  const width = weights.config.intermediate_size;
  const both = linear(
    graph,
    x,
    weights.matrix(`${prefix}.mlp.gate_proj.weight`, `${prefix}.mlp.up_proj.weight`),
    format.gateUp,
  );
  const [gate = '', up = ''] = graph.split(both, [width, width]);
  const gated = graph.op('Mul', [graph.op('Mul', [gate, graph.op('Sigmoid', [gate])]), up]);
  return linear(graph, gated, weights.matrix(`${prefix}.mlp.down_proj.weight`), format.down);
}

/** Positions that the tables of a package hold: a window of 128k tokens would take 64 MB of cosines and sines. */
export function withTablePositions(config: DecoderConfig): DecoderConfig {
  return { ...config, max_position_embeddings: Math.min(config.max_position_embeddings, 32_768) };
}
