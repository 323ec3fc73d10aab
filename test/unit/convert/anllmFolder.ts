import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expectedTensors } from '../../../src/convert/expectedTensors.ts';
import type { DecoderConfig } from '../../../src/protocol/decoderConfig.ts';

/** Sizes of a checkpoint of AnLLM that may be smaller than the published ones; the vocabulary never is. */
export interface AnllmSizes {
  readonly hidden_size: number;
  readonly intermediate_size: number;
  readonly num_attention_heads: number;
  readonly num_hidden_layers: number;
}

/** Llama-2's ids: its pieces end at 32000, where the added tokens begin, and the full stop is one of the last. */
const llamaPieces = 32_000;
export const fullStopId = 29_889;
export const anchorId = 32_001;

const merges = ['▁ t', 'h e', '▁t he', 'i n', 'r iver', 'r i', 'ri v', 'riv er', 'e r'];
const characters = '▁abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789,!?:;()';

/**
 * Writes a folder as Transformers rewrites `pangjh3/AnLLM-AC-7B-PT` or `-EP-7B-PT`: Llama-2's configuration with the extended
 * vocabulary, bfloat16 in two shards, and a tokenizer.json made of the SentencePiece model and added_tokens.json. The weights are
 * random; so are most names of tokens.
 */
export function writeAnllmFolder(folder: string, scheme: 'AC' | 'EP', sizes: AnllmSizes, shards: 1 | 2 = 2): void {
  mkdirSync(folder, { recursive: true });
  const added = scheme === 'AC' ? ['[PAD]', '<AC>'] : ['[PAD]'];
  const config = {
    architectures: ['LlamaForCausalLM'],
    attention_bias: false,
    bos_token_id: 1,
    dtype: 'bfloat16',
    eos_token_id: 2,
    ...sizes,
    head_dim: sizes.hidden_size / sizes.num_attention_heads,
    hidden_act: 'silu',
    max_position_embeddings: 4096,
    mlp_bias: false,
    model_type: 'llama',
    num_key_value_heads: sizes.num_attention_heads,
    pad_token_id: 0,
    pretraining_tp: 1,
    rms_norm_eps: 1e-5,
    rope_theta: 10_000,
    rope_parameters: { rope_theta: 10_000, rope_type: 'default' },
    tie_word_embeddings: false,
    vocab_size: llamaPieces + added.length,
  } as const;
  const write = (name: string, content: object): void => writeFileSync(join(folder, name), JSON.stringify(content));
  write('config.json', config);
  write('generation_config.json', { bos_token_id: 1, eos_token_id: 2, pad_token_id: 0, do_sample: true });
  write('tokenizer.json', tokenizer(added));
  write('tokenizer_config.json', { bos_token: '<s>', eos_token: '</s>', unk_token: '<unk>', pad_token: '[PAD]' });
  writeWeights(folder, config, shards);
}

function tokenizer(added: readonly string[]): object {
  const bytes = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`);
  const known = [
    '<unk>',
    '<s>',
    '</s>',
    ...bytes,
    ...merges.map((merge) => merge.replace(' ', '')),
    ...Array.from(characters),
  ];
  const vocab = new Map(known.map((piece, id) => [piece, id]));
  for (let id = known.length; id < llamaPieces; id++) vocab.set(id === fullStopId ? '.' : `▁piece${id}`, id);
  const entry = (content: string, id: number, special: boolean): object => {
    return { id, content, special, single_word: false, lstrip: false, rstrip: false, normalized: !special };
  };
  return {
    version: '1.0',
    added_tokens: [
      ...['<unk>', '<s>', '</s>'].map((content, id) => entry(content, id, true)),
      ...added.map((content, i) => entry(content, llamaPieces + i, content === '[PAD]')),
    ],
    normalizer: null,
    pre_tokenizer: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'first', split: false },
    post_processor: null,
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        { type: 'Strip', content: ' ', start: 1, stop: 0 },
      ],
    },
    model: {
      type: 'BPE',
      unk_token: null,
      fuse_unk: true,
      byte_fallback: true,
      vocab: Object.fromEntries(vocab),
      merges: merges.map((merge) => merge.split(' ')),
    },
  };
}

/** One tensor in memory at a time: at the published widths a layer takes 400 MB. */
function writeWeights(folder: string, config: DecoderConfig, shards: 1 | 2): void {
  const tensors = [...expectedTensors(config)];
  const half = Math.ceil(tensors.length / shards);
  const weightMap: Record<string, string> = {};
  for (let shard = 0; shard < shards; shard++) {
    const name = shards === 1 ? 'model.safetensors' : `model-0000${shard + 1}-of-00002.safetensors`;
    const part = tensors.slice(shard * half, (shard + 1) * half);
    const header: Record<string, object> = {};
    let offset = 0;
    for (const [tensor, shape] of part) {
      const bytes = 2 * product(shape);
      header[tensor] = { dtype: 'BF16', shape, data_offsets: [offset, offset + bytes] };
      offset += bytes;
      weightMap[tensor] = name;
    }
    const text = Buffer.from(JSON.stringify(header));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(text.length));
    writeFileSync(join(folder, name), Buffer.concat([length, text]));
    for (const [index, [tensor, shape]] of part.entries())
      appendFileSync(join(folder, name), randomBfloat16(tensor, shape, 1 + index + shard * half));
  }
  if (shards === 2)
    writeFileSync(join(folder, 'model.safetensors.index.json'), JSON.stringify({ weight_map: weightMap }));
}

function randomBfloat16(name: string, shape: readonly number[], seed: number): Uint8Array {
  const isNorm = name.includes('norm');
  const deviation = isNorm ? 0.1 : name.includes('embed_tokens') ? 1 : 1 / Math.sqrt(shape.at(-1) ?? 1);
  const single = new Float32Array(1);
  const halves = new Uint16Array(single.buffer);
  const values = new Uint16Array(product(shape));
  let state = seed;
  for (let i = 0; i < values.length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    single[0] = (state / 2 ** 31) * Math.sqrt(3) * deviation + (isNorm ? 1 : 0);
    values[i] = halves[1] ?? 0;
  }
  return new Uint8Array(values.buffer);
}

function product(shape: readonly number[]): number {
  return shape.reduce((size, length) => size * length, 1);
}
