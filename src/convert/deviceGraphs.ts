import type { DecoderConfig } from '../protocol/decoderConfig.ts';
import type { GraphBuilder } from './graphBuilder.ts';

/**
 * What the engine does with keys and values that lie on a device, beside running the decoder: small graphs without weights, the same
 * for all variants of a decoder.
 *
 * C rows of capacity, n rows that it is about, L layers, K key/value heads of d values. `rows.{b}` float `[1, K, C, d]` are the
 * buffers: the keys of layer l are block b = 2l, its values 2l + 1. An output `present.{b}` is to be fetched into the buffer that was
 * fed: `ScatterND` then writes the n rows where they belong, and the others stay.
 */
export const deviceGraphs = {
  /** `shape` int64 `[4]` -> `made` float: zeros. */
  allocate(graph: GraphBuilder): void {
    graph.input('shape', 'int64', [4]);
    graph.outputPort('made', 'float', [1, 'heads', 'capacity', 'width']);
    graph.opInto(['made'], 'Expand', [graph.tensor('float', [1], Float32Array.of(0)), 'shape']);
  },

  /** `rows` float `[1, K, C, d]`, `kept` int64 `[n]` -> `made` float `[1, K, n, d]`: a buffer of another capacity. */
  resize(graph: GraphBuilder, config: DecoderConfig): void {
    graph.input('rows', 'float', bufferShape(config));
    graph.input('kept', 'int64', ['rows_kept']);
    graph.outputPort('made', 'float', [1, config.num_key_value_heads, 'rows_kept', config.head_dim]);
    graph.opInto(['made'], 'Gather', ['rows', 'kept'], { axis: 2 });
  },

  /** `rows.{b}`, `kept` int64 `[n]` -> `copied` float `[2L, n, K * d]`. */
  read(graph: GraphBuilder, config: DecoderConfig): void {
    const width = config.num_key_value_heads * config.head_dim;
    const buffers = blocks(config).map((block) => graph.input(`rows.${block}`, 'float', bufferShape(config)));
    graph.input('kept', 'int64', ['count']);
    const copied = buffers.map((buffer) => {
      const byToken = graph.op('Transpose', [graph.op('Gather', [buffer, 'kept'], { axis: 2 })], {
        perm: [0, 2, 1, 3],
      });
      return graph.op('Reshape', [byToken, graph.int64(1, -1, width)]);
    });
    graph.outputPort('copied', 'float', [2 * config.num_hidden_layers, 'count', width]);
    graph.opInto(['copied'], 'Concat', copied, { axis: 0 });
  },

  /** `rows.{b}`, `places` int64 `[K, n, 3]`, `written` float `[2L, n, K * d]` -> `present.{b}`. */
  write(graph: GraphBuilder, config: DecoderConfig): void {
    const { num_key_value_heads: kvHeads, head_dim: headDim } = config;
    graph.input('places', 'int64', [kvHeads, 'count', 3]);
    graph.input('written', 'float', [2 * config.num_hidden_layers, 'count', kvHeads * headDim]);
    for (const block of blocks(config)) {
      const buffer = graph.input(`rows.${block}`, 'float', bufferShape(config));
      const mine = graph.op('Gather', ['written', graph.int64(block)], { axis: 0 });
      const byHead = graph.op('Transpose', [graph.op('Reshape', [mine, graph.int64(-1, kvHeads, headDim)])], {
        perm: [1, 0, 2],
      });
      scatter(graph, config, block, buffer, byHead);
    }
  },

  /**
   * `rows.{b}`, `kept` int64 `[n]`, `places` int64 `[K, n, 3]`, `cos`, `sin` float `[n, d / 2]` -> `present.{b}`: the rows `kept`
   * go to other places, and keys are rotated on the way.
   */
  keep(graph: GraphBuilder, config: DecoderConfig): void {
    const { num_key_value_heads: kvHeads, head_dim: headDim } = config;
    const half = headDim / 2;
    graph.input('kept', 'int64', ['count']);
    graph.input('places', 'int64', [kvHeads, 'count', 3]);
    graph.input('cos', 'float', ['count', half]);
    graph.input('sin', 'float', ['count', half]);
    for (const block of blocks(config)) {
      const buffer = graph.input(`rows.${block}`, 'float', bufferShape(config));
      const moved = graph.op('Gather', [buffer, 'kept'], { axis: 2 });
      let turned = moved;
      if (block % 2 === 0) {
        const [low = '', high = ''] = graph.split(moved, [half, half]);
        const times = (x: string, y: string) => graph.op('Mul', [x, y]);
        const newLow = graph.op('Sub', [times(low, 'cos'), times(high, 'sin')]);
        const newHigh = graph.op('Add', [times(high, 'cos'), times(low, 'sin')]);
        turned = graph.op('Concat', [newLow, newHigh], { axis: -1 });
      }
      scatter(graph, config, block, buffer, graph.op('Reshape', [turned, graph.int64(kvHeads, -1, headDim)]));
    }
  },

  /**
   * `query.{l}` float `[1, S, H * d]`, `key.{l}` float `[1, K, C, d]`, `seen` int64 `[T]` (0, 1, …), `attention_bias` float
   * `[1, 1, S, T]` -> `attention_scores` float `[L, H, T]`: the largest probability over the S queries.
   */
  scores(graph: GraphBuilder, config: DecoderConfig): void {
    const { num_attention_heads: heads, num_key_value_heads: kvHeads, head_dim: headDim } = config;
    graph.input('seen', 'int64', ['total']);
    graph.input('attention_bias', 'float', [1, 1, 'tokens', 'total']);
    const scale = graph.tensor('float', [1], Float32Array.of(1 / Math.sqrt(headDim)));
    const tokens = graph.op('Shape', ['attention_bias'], { start: 2, end: 3 });
    const perHead = graph.op('Concat', [graph.int64(1, heads), tokens, graph.int64(-1)], { axis: 0 });
    const scores = Array.from({ length: config.num_hidden_layers }, (_, layer) => {
      const query = graph.input(`query.${layer}`, 'float', [1, 'tokens', heads * headDim]);
      const key = graph.input(`key.${layer}`, 'float', bufferShape(config));
      const byHead = graph.op('Transpose', [graph.op('Reshape', [query, graph.int64(-1, heads, headDim)])], {
        perm: [1, 0, 2],
      });
      const grouped = graph.op('Reshape', [byHead, graph.int64(1, kvHeads, -1, headDim)]);
      const seen = graph.op('Transpose', [graph.op('Gather', [key, 'seen'], { axis: 2 })], { perm: [0, 1, 3, 2] });
      const products = graph.op('Reshape', [graph.op('MatMul', [grouped, seen]), perHead]);
      const logits = graph.op('Add', [graph.op('Mul', [products, scale]), 'attention_bias']);
      const probabilities = graph.op('Softmax', [logits], { axis: -1 });
      return graph.op('ReduceMax', [probabilities, graph.int64(2)], { keepdims: 0 });
    });
    graph.outputPort('attention_scores', 'float', [config.num_hidden_layers, heads, 'total']);
    graph.opInto(['attention_scores'], 'Concat', scores, { axis: 0 });
  },
} as const;

function scatter(graph: GraphBuilder, config: DecoderConfig, block: number, buffer: string, updates: string): void {
  const { num_key_value_heads: kvHeads, head_dim: headDim } = config;
  graph.outputPort(`present.${block}`, 'float', [1, kvHeads, 'capacity', headDim]);
  graph.opInto([`present.${block}`], 'ScatterND', [buffer, 'places', updates]);
}

function bufferShape(config: DecoderConfig): (number | string)[] {
  return [1, config.num_key_value_heads, 'capacity', config.head_dim];
}

function blocks(config: DecoderConfig): number[] {
  return Array.from({ length: 2 * config.num_hidden_layers }, (_, block) => block);
}
