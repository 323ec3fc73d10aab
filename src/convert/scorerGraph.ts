import type { DecoderConfig } from '../protocol/decoderConfig.ts';
import type { GraphBuilder } from './graphBuilder.ts';
import type { ScorerWeights } from './scorerFile.ts';

/**
 * The scorer of the choice `learned`, the same for all variants of a decoder: `key_values` float `[2L, n, K * d]`, of which block
 * 2l + 1 holds the values of layer l, -> `scores` float `[n]`.
 */
export function buildScorerGraph(graph: GraphBuilder, config: DecoderConfig, weights: ScorerWeights): void {
  const { num_hidden_layers: layers } = config;
  const width = config.num_key_value_heads * config.head_dim;
  const hidden = weights.bias.length;
  graph.input('key_values', 'float', [2 * layers, 'count', width]);
  const odd = graph.int64(...Array.from({ length: layers }, (_, layer) => 2 * layer + 1));
  const values = graph.op('Gather', ['key_values', odd], { axis: 0 });
  const byLayer = graph.tensor('float', [layers, width, hidden], perLayer(weights.weight, layers, width, hidden));
  const parts = graph.op('MatMul', [values, byLayer]);
  const summed = graph.op('ReduceSum', [parts, graph.int64(0)], { keepdims: 0 });
  const inner = graph.op('Add', [summed, graph.tensor('float', [hidden], weights.bias)]);
  const active = graph.op('Mul', [inner, graph.op('Sigmoid', [inner])]);
  const out = graph.op('MatMul', [active, graph.tensor('float', [hidden, 1], weights.output)]);
  graph.outputPort('scores', 'float', ['count']);
  graph.opInto(['scores'], 'Reshape', [out, graph.int64(-1)]);
}

/** `[hidden, layers * width]` -> `[layers, width, hidden]`. */
function perLayer(weight: Float32Array, layers: number, width: number, hidden: number): Float32Array {
  const out = new Float32Array(weight.length);
  for (let h = 0; h < hidden; h++) {
    for (let i = 0; i < layers * width; i++) out[i * hidden + h] = weight[h * layers * width + i] ?? 0;
  }
  return out;
}
