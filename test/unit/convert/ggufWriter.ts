import { tinyControlTokens, tinyMerges, tinyTemplate, tinyVocabulary, type TinyDecoder } from './tinyDecoder.ts';

type Value = number | boolean | string | readonly string[] | readonly number[] | { readonly float: number };

const alignment = 32;

/** The bytes of a GGUF version 3 file with F32 tensors. */
export function ggufBytes(
  metadata: Readonly<Record<string, Value>>,
  tensors: readonly { name: string; shape: readonly number[]; values: Float32Array }[],
): Buffer {
  const header = new Writer();
  header.raw(Buffer.from('GGUF')).u32(3).u64(tensors.length).u64(Object.keys(metadata).length);
  for (const [key, value] of Object.entries(metadata)) header.string(key).value(value);
  let offset = 0;
  for (const { name, shape, values } of tensors) {
    header.string(name).u32(shape.length);
    for (const size of shape.toReversed()) header.u64(size);
    header.u32(0).u64(offset);
    offset += Math.ceil(values.byteLength / alignment) * alignment;
  }
  header.pad();
  for (const { values } of tensors) header.raw(Buffer.from(values.buffer, values.byteOffset, values.byteLength)).pad();
  return header.bytes();
}

/** Metadata of a tiny decoder, as llama.cpp's converter writes it. */
export function tinyMetadata({ config }: TinyDecoder, architecture = 'llama'): Record<string, Value> {
  return {
    'general.architecture': architecture,
    'general.name': 'tiny',
    [`${architecture}.block_count`]: config.num_hidden_layers,
    [`${architecture}.context_length`]: config.max_position_embeddings,
    [`${architecture}.embedding_length`]: config.hidden_size,
    [`${architecture}.feed_forward_length`]: config.intermediate_size,
    [`${architecture}.attention.head_count`]: config.num_attention_heads,
    [`${architecture}.attention.head_count_kv`]: config.num_key_value_heads,
    [`${architecture}.attention.layer_norm_rms_epsilon`]: { float: config.rms_norm_eps },
    [`${architecture}.rope.freq_base`]: { float: config.rope_theta },
    [`${architecture}.rope.dimension_count`]: config.head_dim,
    'tokenizer.ggml.model': 'gpt2',
    'tokenizer.ggml.pre': 'smollm',
    'tokenizer.ggml.tokens': tinyVocabulary,
    'tokenizer.ggml.token_type': tinyVocabulary.map((_, id) => (id < tinyControlTokens ? 3 : 1)),
    'tokenizer.ggml.merges': tinyMerges,
    'tokenizer.ggml.bos_token_id': 1,
    'tokenizer.ggml.eos_token_id': 2,
    'tokenizer.ggml.padding_token_id': 2,
    'tokenizer.ggml.add_bos_token': false,
    'tokenizer.chat_template': tinyTemplate,
  };
}

const layerNames: Readonly<Record<string, string>> = {
  input_layernorm: 'attn_norm',
  post_attention_layernorm: 'ffn_norm',
  'self_attn.q_proj': 'attn_q',
  'self_attn.k_proj': 'attn_k',
  'self_attn.v_proj': 'attn_v',
  'self_attn.o_proj': 'attn_output',
  'self_attn.q_norm': 'attn_q_norm',
  'self_attn.k_norm': 'attn_k_norm',
  'mlp.gate_proj': 'ffn_gate',
  'mlp.up_proj': 'ffn_up',
  'mlp.down_proj': 'ffn_down',
};
const topNames: Readonly<Record<string, string>> = {
  'model.embed_tokens.weight': 'token_embd.weight',
  'model.norm.weight': 'output_norm.weight',
  'lm_head.weight': 'output.weight',
};

/** A tiny decoder as a GGUF file; `llama` files interleave the rotary rows of queries and keys. */
export function tinyGguf(decoder: TinyDecoder, architecture = 'llama'): Buffer {
  const { config, shapes, tensors } = decoder;
  const list = [...tensors].map(([name, values]) => {
    const layer = /^model\.layers\.(\d+)\.(.+)\.(weight|bias)$/.exec(name);
    const renamed = layer
      ? `blk.${layer[1]}.${layerNames[layer[2] ?? ''] ?? ''}.${layer[3]}`
      : (topNames[name] ?? name);
    const heads = name.includes('q_proj')
      ? config.num_attention_heads
      : name.includes('k_proj')
        ? config.num_key_value_heads
        : 0;
    const stored = architecture === 'llama' && heads > 0 ? interleave(values, heads, config.head_dim) : values;
    return { name: renamed, shape: shapes.get(name) ?? [], values: stored };
  });
  return ggufBytes(tinyMetadata(decoder, architecture), list);
}

function interleave(values: Float32Array, heads: number, headDim: number): Float32Array {
  const columns = values.length / (heads * headDim);
  const stored = new Float32Array(values.length);
  for (let row = 0; row < heads * headDim; row++) {
    const from = unpermutedIndex(row, headDim);
    stored.set(values.subarray(from * columns, (from + 1) * columns), row * columns);
  }
  return stored;
}

/** Of a row in llama.cpp's interleaved order, the row in Hugging Face's: (2i, 2i + 1) of a head are (i, i + d/2). */
function unpermutedIndex(row: number, headDim: number): number {
  const inside = row % headDim;
  const head = row - inside;
  return head + (inside % 2 === 0 ? inside / 2 : (inside - 1) / 2 + headDim / 2);
}

class Writer {
  readonly #parts: Buffer[] = [];
  #length = 0;

  raw(bytes: Buffer): this {
    this.#parts.push(bytes);
    this.#length += bytes.length;
    return this;
  }

  u32(value: number): this {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value);
    return this.raw(bytes);
  }

  u64(value: number): this {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(BigInt(value));
    return this.raw(bytes);
  }

  f32(value: number): this {
    const bytes = Buffer.alloc(4);
    bytes.writeFloatLE(value);
    return this.raw(bytes);
  }

  string(text: string): this {
    const bytes = Buffer.from(text);
    return this.u64(bytes.length).raw(bytes);
  }

  value(value: Value): void {
    if (typeof value === 'number') this.u32(4).u32(value);
    else if (typeof value === 'boolean') this.u32(7).raw(Buffer.of(value ? 1 : 0));
    else if (typeof value === 'string') this.u32(8).string(value);
    else if ('float' in value) this.u32(6).f32(value.float);
    else {
      const texts = value.every((element) => typeof element === 'string');
      this.u32(9)
        .u32(texts ? 8 : 4)
        .u64(value.length);
      for (const element of value) {
        if (typeof element === 'string') this.string(element);
        else this.u32(element);
      }
    }
  }

  pad(): void {
    const rest = this.#length % alignment;
    if (rest > 0) this.raw(Buffer.alloc(alignment - rest));
  }

  bytes(): Buffer {
    return Buffer.concat(this.#parts);
  }
}
