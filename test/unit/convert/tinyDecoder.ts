import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expectedTensors } from '../../../src/convert/expectedTensors.ts';
import type { DecoderConfig } from '../../../src/protocol/decoderConfig.ts';

/** A decoder of random weights: small enough to run in plain TypeScript, with heads that share keys. */
export interface TinyDecoder {
  readonly config: DecoderConfig;
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  readonly tensors: ReadonlyMap<string, Float32Array>;
}

/** Characters of the tiny vocabulary: enough of the byte-level alphabet for the converter's fixed text and the tests'. */
const printable = Array.from({ length: 94 }, (_, i) => String.fromCharCode(33 + i));
const otherBytes = Array.from({ length: 68 }, (_, i) => String.fromCharCode(256 + i));
const latin = Array.from({ length: 94 }, (_, i) => String.fromCharCode(i < 12 ? 161 + i : 162 + i));
export const tinyMerges = ['Ġ t', 't h', 'Ġt h', 'Ġth e', 'i n', 'e r'];
export const tinyVocabulary = [
  '<|endoftext|>',
  '<|im_start|>',
  '<|im_end|>',
  ...printable,
  ...latin,
  ...otherBytes,
  ...tinyMerges.map((merge) => merge.replace(' ', '')),
];
export const tinyControlTokens = 3;

export const tinyTemplate =
  "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>\\n' }}{% endfor %}" +
  "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

export function tinyConfig(overrides: Partial<DecoderConfig> = {}): DecoderConfig {
  return {
    model_type: 'llama',
    hidden_size: 64,
    num_hidden_layers: 2,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    head_dim: 16,
    intermediate_size: 96,
    vocab_size: tinyVocabulary.length,
    rms_norm_eps: 1e-5,
    rope_theta: 10_000,
    tie_word_embeddings: true,
    max_position_embeddings: 512,
    attention_bias: false,
    bos_token_id: 1,
    eos_token_id: 2,
    pad_token_id: 2,
    ...overrides,
  };
}

/** Deterministic numbers, roughly normal. */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0 || 1;
  const uniform = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  return () => (uniform() + uniform() + uniform() + uniform() - 2) * Math.sqrt(3);
}

export function tinyDecoder(overrides: Partial<DecoderConfig> = {}, seed = 5): TinyDecoder {
  const config = tinyConfig(overrides);
  const random = randomNumbers(seed);
  const shapes = expectedTensors(config);
  const tensors = new Map<string, Float32Array>();
  for (const [name, shape] of shapes) {
    const values = new Float32Array(shape.reduce((product, size) => product * size, 1));
    const isNorm = name.includes('norm');
    const scale = name.includes('embed') ? 1 : isNorm ? 0.1 : 1 / Math.sqrt(shape.at(-1) ?? 1);
    for (let i = 0; i < values.length; i++) values[i] = random() * scale + (isNorm ? 1 : 0);
    tensors.set(name, values);
  }
  return { config, shapes, tensors };
}

/** The bytes of a safetensors file of F32 tensors. */
export function safetensorsBytes(
  tensors: ReadonlyMap<string, Float32Array>,
  shapes: ReadonlyMap<string, readonly number[]>,
): Buffer {
  const header: Record<string, unknown> = {};
  let offset = 0;
  for (const [name, values] of tensors) {
    header[name] = {
      dtype: 'F32',
      shape: shapes.get(name) ?? [values.length],
      data_offsets: [offset, offset + values.byteLength],
    };
    offset += values.byteLength;
  }
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  const parts = [...tensors.values()].map((values) => Buffer.from(values.buffer, values.byteOffset, values.byteLength));
  return Buffer.concat([length, text, ...parts]);
}

/** Writes a folder as Hugging Face saves a decoder. */
export function writeHuggingFaceFolder(folder: string, decoder: TinyDecoder): void {
  writeFileSync(join(folder, 'model.safetensors'), safetensorsBytes(decoder.tensors, decoder.shapes));
  writeFileSync(join(folder, 'config.json'), JSON.stringify({ ...decoder.config, hidden_act: 'silu' }));
  const added = tinyVocabulary.slice(0, tinyControlTokens).map((content, id) => {
    return { id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
  });
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };
  const vocab = Object.fromEntries(tinyVocabulary.map((token, id) => [token, id]));
  const model = { type: 'BPE', vocab, merges: tinyMerges.map((merge) => merge.split(' ')) };
  const tokenizer = {
    version: '1.0',
    added_tokens: added,
    normalizer: null,
    pre_tokenizer: byteLevel,
    post_processor: null,
    decoder: byteLevel,
    model,
  };
  writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify(tokenizer));
  writeFileSync(join(folder, 'tokenizer_config.json'), JSON.stringify({ chat_template: tinyTemplate }));
}
