import { queryHeadOrder } from './attention.ts';
import type { VariantFormat } from './decoderGraph.ts';
import { decoderStack, normHeads, projectTogether, readTable, rotationTables } from './decoderStack.ts';
import type { DecoderConfig } from '../protocol/decoderConfig.ts';
import type { DecoderWeights } from './decoderWeights.ts';
import type { GraphBuilder } from './graphBuilder.ts';
import type { LayerProducts } from './layerProducts.ts';

/** What every layer of a graph shares. */
interface SharedTables {
  readonly cos: string;
  readonly sin: string;
}

/**
 * The "gqa" graph of a decoder of the Llama family, for devices: keys and values lie in buffers of a fixed capacity that the caller
 * owns, and `GroupQueryAttention` puts the new rows behind the past ones where the same buffer is fed and fetched.
 *
 * S new tokens, P past rows, T = P + S, C >= T rows of capacity, N asked positions, H heads, K key/value heads of d values, V tokens.
 * Inputs: `input_ids`, `position_ids` int64 `[1, S]`; `attention_bias` float `[1, 1, S, T]`, added to the scores; `anchor_mark` float
 * `[1, S]` (scheme mark only); `logit_indices` int64 `[N]`; `last_row` int32 `[1]`, T - 1; `total_rows` int32 `[1]`, T;
 * `past_key.{l}`, `past_value.{l}` float `[1, K, C, d]`, keys rotated.
 * Outputs: `logits` float `[N, V]`; `present_key.{l}`, `present_value.{l}`, of the shape of the past; `query.{l}` float
 * `[1, S, H * d]`, rotated, of which the scores graph makes attention scores (`deviceGraphs.ts`).
 *
 * @param onLayer called after each layer, to report progress and to stop by throwing.
 */
export async function buildGqaGraph(
  graph: GraphBuilder,
  weights: DecoderWeights,
  format: VariantFormat,
  products: LayerProducts,
  onLayer: (layer: number) => Promise<void>,
): Promise<void> {
  const { config } = weights;
  const { num_hidden_layers: layers, num_key_value_heads: kvHeads, head_dim: headDim } = config;
  graph.input('input_ids', 'int64', [1, 'tokens']);
  graph.input('position_ids', 'int64', [1, 'tokens']);
  graph.input('attention_bias', 'float', [1, 1, 'tokens', 'total']);
  if (weights.anchors.kind === 'mark') graph.input('anchor_mark', 'float', [1, 'tokens']);
  graph.input('logit_indices', 'int64', ['asked']);
  graph.input('last_row', 'int32', [1]);
  graph.input('total_rows', 'int32', [1]);
  const rowsShape = [1, kvHeads, 'capacity', headDim];
  for (let layer = 0; layer < layers; layer++) {
    graph.input(`past_key.${layer}`, 'float', rowsShape);
    graph.input(`past_value.${layer}`, 'float', rowsShape);
  }
  const table = readTable(graph, weights, format);
  const shared = rotationTables(graph, weights);
  const attendLayer = async (layer: number, x: string): Promise<string> => {
    const projected = await projectTogether(graph, weights, products, layer, x);
    return inGraphOrder(graph, config, attend(graph, weights, shared, layer, projected));
  };
  await decoderStack(graph, weights, products, table, attendLayer, onLayer);
}

/** Attention of one layer: queries, keys and values `[1, S, (H + 2K) * d] -> [1, S, H * d]`, and its outputs. */
function attend(
  graph: GraphBuilder,
  weights: DecoderWeights,
  { cos, sin }: SharedTables,
  layer: number,
  projected: string,
): string {
  const { config } = weights;
  const { num_attention_heads: heads, num_key_value_heads: kvHeads, head_dim: headDim } = config;
  const sizes = [heads * headDim, kvHeads * headDim, kvHeads * headDim];
  const [queries = '', keys = '', values = ''] = graph.split(projected, sizes);
  const hasNorms = config.model_type === 'qwen3';
  const inOrder = inOperatorOrder(graph, config, queries);
  const query = hasNorms ? normWithin(graph, weights, layer, 'q', inOrder) : inOrder;
  const key = hasNorms ? normWithin(graph, weights, layer, 'k', keys) : keys;
  graph.outputPort(`query.${layer}`, 'float', [1, 'tokens', heads * headDim]);
  graph.opInto([`query.${layer}`], 'RotaryEmbedding', [query, 'position_ids', cos, sin]);
  const rotatedKey = graph.op('RotaryEmbedding', [key, 'position_ids', cos, sin]);

  const rowsShape = [1, kvHeads, 'capacity', headDim];
  graph.outputPort(`present_key.${layer}`, 'float', rowsShape);
  graph.outputPort(`present_value.${layer}`, 'float', rowsShape);
  const attended = `attended.${layer}`;
  graph.opInto(
    [attended, `present_key.${layer}`, `present_value.${layer}`],
    'GroupQueryAttention',
    [
      ...[`query.${layer}`, rotatedKey, values, `past_key.${layer}`, `past_value.${layer}`, 'last_row', 'total_rows'],
      ...['', '', '', 'attention_bias'],
    ],
    { num_heads: heads, kv_num_heads: kvHeads, do_rotary: 0 },
  );
  return attended;
}

/**
 * The weights' order of heads (`queryHeadOrder`) suits the CPU, and the operator wants those together that share a key/value head. The
 * weights are the CPU's, so that both graphs share them: it is the queries that change places here.
 */
function inOperatorOrder(graph: GraphBuilder, config: DecoderConfig, queries: string): string {
  const { num_attention_heads: heads, num_key_value_heads: kvHeads } = config;
  return transposedHeads(graph, config, queries, heads / kvHeads, kvHeads);
}

/** The other way round, for what was attended. */
function inGraphOrder(graph: GraphBuilder, config: DecoderConfig, attended: string): string {
  const { num_attention_heads: heads, num_key_value_heads: kvHeads } = config;
  return transposedHeads(graph, config, attended, kvHeads, heads / kvHeads);
}

/** `x [1, S, outer * inner * d] -> [1, S, inner * outer * d]`. */
function transposedHeads(graph: GraphBuilder, config: DecoderConfig, x: string, outer: number, inner: number): string {
  const { num_attention_heads: heads, head_dim: headDim } = config;
  if (queryHeadOrder(config).every((head, i) => head === i)) return x;
  const apart = graph.op('Reshape', [x, graph.int64(-1, outer, inner, headDim)]);
  const swapped = graph.op('Transpose', [apart], { perm: [0, 2, 1, 3] });
  return graph.op('Reshape', [swapped, graph.int64(1, -1, heads * headDim)]);
}

/** As `normHeads`, of heads beside one another: `x [1, S, n * d] -> [1, S, n * d]`. */
function normWithin(graph: GraphBuilder, weights: DecoderWeights, layer: number, part: 'q' | 'k', x: string): string {
  const { num_attention_heads: heads, num_key_value_heads: kvHeads, head_dim: headDim } = weights.config;
  const count = part === 'q' ? heads : kvHeads;
  const byHead = graph.op('Reshape', [x, graph.int64(1, -1, count, headDim)]);
  const normed = normHeads(graph, weights, layer, part, byHead);
  return graph.op('Reshape', [normed, graph.int64(1, -1, count * headDim)]);
}
