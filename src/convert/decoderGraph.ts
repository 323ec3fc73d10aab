import type { DecoderConfig } from '../protocol/decoderConfig.ts';
import { AnchorageError } from '../protocol/errors.ts';
import type { Variant } from '../protocol/packageManifest.ts';
import { attention, prepareShared, type CacheType, type SharedValues } from './attention.ts';
import { decoderStack, normHeads, projectTogether, readTable, rotationTables } from './decoderStack.ts';
import type { DecoderWeights } from './decoderWeights.ts';
import type { GraphBuilder } from './graphBuilder.ts';
import type { LayerProducts } from './layerProducts.ts';
import type { LinearFormat } from './linearLayer.ts';
import { elementTypes } from './onnxModel.ts';

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
 * In four bits the built-in model would be 8 MB smaller by its queries, keys and values, and 13 MB by its down projections, and
 * lose about half as much perplexity again to either: they stay at eight.
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
    down: 'blocks8',
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
  products: LayerProducts,
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
  const pasts = Array.from({ length: layers }, (_, layer) => ({
    keys: graph.input(`past_key.${layer}`, format.cache, ['past', kvHeads, headDim]),
    values: graph.input(`past_value.${layer}`, format.cache, ['old', kvHeads, headDim]),
    recent: graph.input(`recent_value.${layer}`, format.cache, ['recent', kvHeads, headDim]),
  }));
  const firstPast = { keys: 'past_key.0', values: 'past_value.0' };
  const shared = prepareShared(graph, config, firstPast, rotationTables(graph, weights));
  const newRows: string[] = [];
  const scores: string[] = [];
  const attend = async (layer: number, x: string): Promise<string> => {
    const past = pasts[layer];
    if (past === undefined) throw new AnchorageError('internal', `The graph has no layer ${layer}.`);
    const projected = await projectTogether(graph, weights, products, layer, x);
    const { queries, keys, values } = queriesKeysValues(graph, weights, format, shared, layer, projected);
    const inputs = { queries, keys, values, pastKeys: past.keys, pastValues: past.values, recentValues: past.recent };
    const attended = attention(graph, config, shared, inputs, format.cache);
    newRows.push(keys, values);
    scores.push(attended.scores);
    return attended.attended;
  };
  await decoderStack(graph, weights, products, table, attend, onLayer);
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

/**
 * Rotated queries `[S, heads, headDim]` in the graph's order of heads; rotated keys and values `[S, kvHeads, headDim]` of the type
 * of the cache.
 */
function queriesKeysValues(
  graph: GraphBuilder,
  weights: DecoderWeights,
  format: VariantFormat,
  shared: SharedValues,
  layer: number,
  projected: string,
): { queries: string; keys: string; values: string } {
  const { config } = weights;
  const { num_attention_heads: heads, num_key_value_heads: kvHeads, head_dim: headDim } = config;
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
  return {
    queries: rotate(normHeads(graph, weights, layer, 'q', queries), shared.queryPositions),
    keys: cached(rotate(normHeads(graph, weights, layer, 'k', keys), shared.keyPositions)),
    values: cached(values),
  };
}

/** Positions that the tables of a package hold: a window of 128k tokens would take 64 MB of cosines and sines. */
export function withTablePositions(config: DecoderConfig): DecoderConfig {
  return { ...config, max_position_embeddings: Math.min(config.max_position_embeddings, 32_768) };
}
