import type { DecoderConfig } from '../protocol/decoderConfig.ts';
import { AnchorageError } from '../protocol/errors.ts';

/** Names and shapes of the tensors that a decoder of this configuration has, in Hugging Face's names. */
export function expectedTensors(config: DecoderConfig): Map<string, readonly number[]> {
  const { hidden_size: hidden, intermediate_size: inner, vocab_size: vocabulary, head_dim: headDim } = config;
  const queries = config.num_attention_heads * headDim;
  const keys = config.num_key_value_heads * headDim;
  const tensors = new Map<string, readonly number[]>([
    ['model.embed_tokens.weight', [vocabulary, hidden]],
    ['model.norm.weight', [hidden]],
  ]);
  if (!config.tie_word_embeddings) tensors.set('lm_head.weight', [vocabulary, hidden]);
  for (let layer = 0; layer < config.num_hidden_layers; layer++) {
    const add = (name: string, ...shape: number[]) => tensors.set(`model.layers.${layer}.${name}`, shape);
    add('input_layernorm.weight', hidden);
    add('post_attention_layernorm.weight', hidden);
    add('self_attn.q_proj.weight', queries, hidden);
    add('self_attn.k_proj.weight', keys, hidden);
    add('self_attn.v_proj.weight', keys, hidden);
    add('self_attn.o_proj.weight', hidden, queries);
    add('mlp.gate_proj.weight', inner, hidden);
    add('mlp.up_proj.weight', inner, hidden);
    add('mlp.down_proj.weight', hidden, inner);
    if (config.attention_bias) {
      add('self_attn.q_proj.bias', queries);
      add('self_attn.k_proj.bias', keys);
      add('self_attn.v_proj.bias', keys);
    }
    if (config.model_type === 'qwen3') {
      add('self_attn.q_norm.weight', headDim);
      add('self_attn.k_norm.weight', headDim);
    }
  }
  return tensors;
}

/** A tensor that no graph of these decoders uses, and that may be there all the same. */
function isSuperfluous(name: string, config: DecoderConfig): boolean {
  return name.endsWith('rotary_emb.inv_freq') || (name === 'lm_head.weight' && config.tie_word_embeddings);
}

/** Refuses a decoder with missing, misshapen or unknown tensors: what is unknown would be left out of the graph silently. */
export function checkTensors(
  path: string,
  config: DecoderConfig,
  shapes: ReadonlyMap<string, readonly number[]>,
): void {
  const expected = expectedTensors(config);
  for (const [name, shape] of expected) {
    const found = shapes.get(name);
    if (!found) throw problem(path, 'fileInvalid', `the tensor ${name} is missing`);
    if (found.length !== shape.length || found.some((size, i) => size !== shape[i])) {
      throw problem(
        path,
        'fileInvalid',
        `the tensor ${name} is ${found.join(' x ')}; the configuration says ${shape.join(' x ')}`,
      );
    }
  }
  for (const name of shapes.keys()) {
    if (!expected.has(name) && !isSuperfluous(name, config)) {
      throw problem(path, 'unsupported', `a ${config.model_type} decoder with the tensor ${name} cannot be converted`);
    }
  }
}

function problem(path: string, reason: 'fileInvalid' | 'unsupported', text: string): AnchorageError {
  return new AnchorageError(reason, `${path}: ${text}.`, 'Choose another decoder of the Llama family.');
}
