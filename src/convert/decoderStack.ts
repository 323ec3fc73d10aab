import { findAnchors } from './anchorLora.ts';
import { withOrderedColumns, withOrderedRows } from './attention.ts';
import type { VariantFormat } from './decoderGraph.ts';
import type { DecoderWeights } from './decoderWeights.ts';
import type { GraphBuilder } from './graphBuilder.ts';
import type { LayerProducts, ProductSource } from './layerProducts.ts';
import { ropeTables } from './ropeTable.ts';
import { TokenTable } from './tokenTable.ts';

/** A layer's attention: `x [1, S, hidden] -> [1, S, H * d]`, heads in the order of `queryHeadOrder`. */
export type Attend = (layer: number, x: string) => Promise<string>;

/** Cosines and sines of a decoder's positions, `[positions, d / 2]`. */
export function rotationTables(
  graph: GraphBuilder,
  { config }: DecoderWeights,
): { readonly cos: string; readonly sin: string } {
  const tables = ropeTables(config, config.max_position_embeddings);
  const shape = [config.max_position_embeddings, config.head_dim / 2];
  return { cos: graph.tensor('float', shape, tables.cos), sin: graph.tensor('float', shape, tables.sin) };
}

/**
 * The part of a decoder that does not know where keys and values lie: embedding, layers around `attend`, and the `logits` of the
 * asked positions, float `[N, V]`. Reads the inputs `input_ids`, `logit_indices` and, under scheme mark, `anchor_mark`.
 *
 * @param onLayer called after each layer, to report progress and to stop by throwing.
 */
export async function decoderStack(
  graph: GraphBuilder,
  weights: DecoderWeights,
  products: LayerProducts,
  table: TokenTable,
  attend: Attend,
  onLayer: (layer: number) => Promise<void>,
): Promise<void> {
  const { config } = weights;
  const { num_hidden_layers: layers, rms_norm_eps: epsilon } = config;
  const norm = (name: string) => graph.tensor('float', [config.hidden_size], weights.vector(name));
  if (weights.hasAnchorLora) findAnchors(graph);
  let residual = embed(graph, weights, table);
  let normed = graph.op('SimplifiedLayerNormalization', [residual, norm('model.layers.0.input_layernorm.weight')], {
    axis: -1,
    epsilon: { float: epsilon },
    stash_type: 1,
  });
  for (let layer = 0; layer < layers; layer++) {
    const prefix = `model.layers.${layer}`;
    const attended = await attend(layer, normed);
    const output = `${prefix}.self_attn.o_proj.weight`;
    const mixed = await products.multiply(graph, layer, 'attentionOutput', attended, {
      matrix: () => withOrderedColumns(weights.matrix(output), config),
      anchorLora: () => {
        const lora = weights.anchorLora(output);
        return lora && { ...lora, down: withOrderedColumns(lora.down, config) };
      },
    });
    const attentionNorm = norm(`${prefix}.post_attention_layernorm.weight`);
    const afterAttention = graph.addAndNorm(residual, mixed, attentionNorm, epsilon);
    const fed = await feedForward(graph, weights, products, layer, afterAttention.normed);
    const nextNorm = layer + 1 < layers ? `model.layers.${layer + 1}.input_layernorm.weight` : 'model.norm.weight';
    const afterFeedForward = graph.addAndNorm(afterAttention.sum, fed, norm(nextNorm), epsilon);
    residual = afterFeedForward.sum;
    normed = afterFeedForward.normed;
    await onLayer(layer);
  }
  const asked = graph.op('Gather', [normed, 'logit_indices'], { axis: 1 });
  const logits = config.tie_word_embeddings
    ? table.project(asked, config.vocab_size)
    : new TokenTable(graph, weights.matrix('lm_head.weight'), table.format).project(asked, config.vocab_size);
  const byToken = graph.op('Reshape', [logits, graph.int64(-1, config.vocab_size)]);
  graph.output('logits', byToken, 'float', ['asked', config.vocab_size]);
}

/** Queries (heads in the graph's order), keys and values of a layer in one: `x [1, S, hidden] -> [1, S, (H + 2K) * d]`. */
export async function projectTogether(
  graph: GraphBuilder,
  weights: DecoderWeights,
  products: LayerProducts,
  layer: number,
  x: string,
): Promise<string> {
  const { config } = weights;
  const names = ['q', 'k', 'v'].map((part) => `model.layers.${layer}.self_attn.${part}_proj`);
  const matrices = names.map((name) => `${name}.weight`);
  const projected = await products.multiply(graph, layer, 'queriesKeysValues', x, {
    matrix: () => withOrderedRows(weights.matrix(...matrices), config),
    anchorLora: () => {
      const lora = weights.anchorLora(...matrices);
      return lora && { ...lora, up: withOrderedRows(lora.up, config) };
    },
  });
  if (!config.attention_bias) return projected;
  const bias = Float32Array.from(names.flatMap((name) => [...weights.vector(`${name}.bias`)]));
  const ordered = withOrderedRows({ values: bias, rows: bias.length, columns: 1 }, config);
  return graph.op('Add', [projected, graph.tensor('float', [bias.length], ordered.values)]);
}

/** Root-mean-square norm over the last axis of queries or keys by head (Qwen3). */
export function normHeads(
  graph: GraphBuilder,
  weights: DecoderWeights,
  layer: number,
  part: 'q' | 'k',
  byHead: string,
): string {
  const { head_dim: headDim, rms_norm_eps: epsilon } = weights.config;
  const name = `model.layers.${layer}.self_attn.${part}_norm.weight`;
  const weight = graph.tensor('float', [headDim], weights.vector(name));
  const attributes = { axis: -1, epsilon: { float: epsilon }, stash_type: 1 };
  return graph.op('SimplifiedLayerNormalization', [byHead, weight], attributes);
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

function embed(graph: GraphBuilder, weights: DecoderWeights, table: TokenTable): string {
  const embedded = table.embed('input_ids');
  if (weights.anchors.kind !== 'mark') return embedded;
  const vector = graph.tensor('float', [weights.anchors.vector.length], weights.anchors.vector);
  const marks = graph.op('Unsqueeze', ['anchor_mark', graph.int64(-1)]);
  return graph.op('Add', [embedded, graph.op('Mul', [marks, vector])]);
}

async function feedForward(
  graph: GraphBuilder,
  weights: DecoderWeights,
  products: LayerProducts,
  layer: number,
  x: string,
): Promise<string> {
  const prefix = `model.layers.${layer}.mlp`;
  const width = weights.config.intermediate_size;
  const source = (...names: string[]): ProductSource => {
    const matrices = names.map((name) => `${prefix}.${name}.weight`);
    return { matrix: () => weights.matrix(...matrices), anchorLora: () => weights.anchorLora(...matrices) };
  };
  const both = await products.multiply(graph, layer, 'gateUp', x, source('gate_proj', 'up_proj'));
  const [gate = '', up = ''] = graph.split(both, [width, width]);
  const gated = graph.op('Mul', [graph.op('Mul', [gate, graph.op('Sigmoid', [gate])]), up]);
  return products.multiply(graph, layer, 'down', gated, source('down_proj'));
}
