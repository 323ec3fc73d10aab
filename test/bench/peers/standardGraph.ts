import type { DecoderWeights } from '../../../src/convert/decoderWeights.ts';
import type { VariantFormat } from '../../../src/convert/decoderGraph.ts';
import type { GraphBuilder } from '../../../src/convert/graphBuilder.ts';
import { linear } from '../../../src/convert/linearLayer.ts';
import type { Model, Node, Port } from '../../../src/convert/onnxModel.ts';
import { ropeTables } from '../../../src/convert/ropeTable.ts';
import { TokenTable } from '../../../src/convert/tokenTable.ts';

const attention = 'GroupQueryAttention';
const kinds = ['key', 'value'] as const;

/** The past's rows as transformers.js names and shapes them. */
const pastShape = (kvHeads: number, rows: string, headDim: number): (string | number)[] => [
  'batch_size',
  kvHeads,
  rows,
  headDim,
];

/**
 * A decoder of the Llama family with the inputs and outputs of Optimum's exports, which transformers.js runs:
 * `input_ids`, `attention_mask`, `position_ids`, `num_logits_to_keep` (0: all) and `past_key_values.{l}.key|value` give
 * `logits` and `present.{l}.key|value`. Attention is onnxruntime's own `GroupQueryAttention`, as in the exports for it.
 */
export function buildStandardGraph(graph: GraphBuilder, weights: DecoderWeights, format: VariantFormat): Model {
  const { config } = weights;
  const { num_hidden_layers: layers, num_attention_heads: heads, num_key_value_heads: kvHeads } = config;
  const { head_dim: headDim, hidden_size: hidden, rms_norm_eps: epsilon, vocab_size: vocabulary } = config;
  const isPlain = config.model_type === 'llama' && config.tie_word_embeddings && !config.attention_bias;
  if (!isPlain) throw new Error('Only tied Llama decoders without biases are written.');
  graph.input('input_ids', 'int64', ['batch_size', 'sequence_length']);
  graph.input('attention_mask', 'int64', ['batch_size', 'total_sequence_length']);
  graph.input('position_ids', 'int64', ['batch_size', 'sequence_length']);
  graph.input('num_logits_to_keep', 'int64', []);
  const table = new TokenTable(graph, weights.matrix('model.embed_tokens.weight'), format.table);
  const { max_position_embeddings: positions } = config;
  const rope = ropeTables(config, positions);
  const cos = graph.tensor('float', [positions, headDim / 2], rope.cos);
  const sin = graph.tensor('float', [positions, headDim / 2], rope.sin);
  const lengths = lengthsOf(graph);
  const norm = (name: string): string => graph.tensor('float', [hidden], weights.vector(name));

  let residual = table.embed('input_ids');
  let normed = graph.op('SimplifiedLayerNormalization', [residual, norm('model.layers.0.input_layernorm.weight')], {
    axis: -1,
    epsilon: { float: epsilon },
    stash_type: 1,
  });
  for (let layer = 0; layer < layers; layer++) {
    const prefix = `model.layers.${layer}`;
    const matrix = (...names: string[]) => weights.matrix(...names.map((name) => `${prefix}.${name}.weight`));
    const projected = linear(
      graph,
      normed,
      matrix('self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj'),
      format.queriesKeysValues,
    );
    const [queries = '', keys = '', values = ''] = graph.split(projected, [
      heads * headDim,
      kvHeads * headDim,
      kvHeads * headDim,
    ]);
    const rotate = (value: string): string => graph.op('RotaryEmbedding', [value, 'position_ids', cos, sin]);
    const past = kinds.map((kind) =>
      graph.input(`past_key_values.${layer}.${kind}`, 'float', pastShape(kvHeads, 'past_sequence_length', headDim)),
    );
    const attended = graph.op(
      attention,
      [rotate(queries), rotate(keys), values, ...past, lengths.last, lengths.total],
      { num_heads: heads, kv_num_heads: kvHeads },
    );
    const mixed = linear(graph, attended, matrix('self_attn.o_proj'), format.attentionOutput);
    const after = graph.addAndNorm(residual, mixed, norm(`${prefix}.post_attention_layernorm.weight`), epsilon);
    const both = linear(graph, after.normed, matrix('mlp.gate_proj', 'mlp.up_proj'), format.gateUp);
    const [gate = '', up = ''] = graph.split(both, [config.intermediate_size, config.intermediate_size]);
    const gated = graph.op('Mul', [graph.op('Mul', [gate, graph.op('Sigmoid', [gate])]), up]);
    const fed = linear(graph, gated, matrix('mlp.down_proj'), format.down);
    const next = layer + 1 < layers ? `model.layers.${layer + 1}.input_layernorm.weight` : 'model.norm.weight';
    const afterFeedForward = graph.addAndNorm(after.sum, fed, norm(next), epsilon);
    residual = afterFeedForward.sum;
    normed = afterFeedForward.normed;
  }
  const from = graph.op('Reshape', [graph.op('Neg', ['num_logits_to_keep']), graph.int64(1)]);
  const kept = graph.op('Slice', [normed, from, graph.int64(Number.MAX_SAFE_INTEGER), graph.int64(1)]);
  const shape: (string | number)[] = ['batch_size', 'num_logits', vocabulary];
  graph.output('logits', table.project(kept, vocabulary), 'float', shape);
  return withPresents(graph.model('anchorage-bench'), pastShape(kvHeads, 'total_sequence_length', headDim));
}

/** Lets every attention give its keys and values too, as outputs of the graph: the builder's operators have one output. */
function withPresents(model: Model, shape: Port['shape']): Model {
  const outputs = [...model.outputs];
  let layer = 0;
  const nodes = model.nodes.map((node): Node => {
    if (node.operator !== attention) return node;
    const presents = kinds.map((kind) => `present.${layer}.${kind}`);
    layer++;
    outputs.push(...presents.map((name): Port => ({ name, type: 'float', shape })));
    return { ...node, domain: 'com.microsoft', outputs: [...node.outputs, ...presents] };
  });
  return { ...model, nodes, outputs };
}

/** What GroupQueryAttention wants to know, as 32-bit integers: the last index of each text, and the most that there are. */
function lengthsOf(graph: GraphBuilder): { last: string; total: string } {
  const int32 = 6;
  const counted = graph.op('ReduceSum', ['attention_mask', graph.int64(1)], { keepdims: 0 });
  const total = graph.op('Shape', ['attention_mask'], { start: 1, end: 2 });
  return {
    last: graph.op('Cast', [graph.op('Sub', [counted, graph.int64(1)])], { to: int32 }),
    total: graph.op('Cast', [graph.op('Squeeze', [total])], { to: int32 }),
  };
}
