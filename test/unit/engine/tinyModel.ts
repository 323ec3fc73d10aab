import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { schemes, type AnchorConfig } from '../../../src/protocol/anchorConfig.ts';
import type { DecoderConfig } from '../../../src/protocol/decoderConfig.ts';
import { fromFloat16, toFloat16 } from '../../../src/engine/float16.ts';
import { Random } from '../../../src/engine/random.ts';

/** A tensor in row-major order. */
export interface TinyTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** A decoder small enough to run by hand: everything a test needs to know of it. */
export interface TinyModel {
  readonly config: DecoderConfig;
  /** Under Hugging Face's names, before the adapter. */
  readonly base: ReadonlyMap<string, TinyTensor>;
  /** The LoRA for all tokens and that for anchors alone, under PEFT's names; empty where the model has none. */
  readonly loras: Readonly<Record<LoraPlace, ReadonlyMap<string, TinyTensor>>>;
  /** [1, hidden] for `mark`, [added, hidden] for AC. */
  readonly anchorEmbedding: TinyTensor | null;
  /** The tensors of the learned scorer; empty where `learned` is not among the choices. */
  readonly scorer: ReadonlyMap<string, TinyTensor>;
  readonly anchors: AnchorConfig;
}

export const LORA_RANK = 2;
export const LORA_ALPHA = 4;
export const SCORER_HIDDEN = 6;

/** Which tokens a LoRA is for. */
export type LoraPlace = 'all' | 'anchors';

/** Rules of a tiny model, and the LoRAs that it has: one for all tokens unless said otherwise. */
export type TinyRules = Partial<AnchorConfig> & { readonly lorasFor?: readonly LoraPlace[] };

/** What implementations have to agree about. */
export const anchorKinds: readonly { readonly name: string; readonly rules: TinyRules }[] = [
  ...schemes.map((scheme) => ({ name: scheme, rules: { scheme } })),
  { name: 'mark with a LoRA on anchors alone', rules: { scheme: 'mark', lorasFor: ['anchors'] } },
  {
    name: 'mark with one LoRA on anchors and one on all tokens',
    rules: { scheme: 'mark', lorasFor: ['all', 'anchors'] },
  },
];

const specials = ['<|endoftext|>', '<|im_start|>', '<|im_end|>'];
const merges = [
  ['t', 'h'],
  ['th', 'e'],
  ['i', 'n'],
  ['Ġ', 'a'],
  ['e', 'r'],
  ['c', 'o'],
  ['co', 'n'],
  ['s', 't'],
] as const;

/** SmolLM's chat template, with another system prompt. */
export const chatTemplate =
  "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}" +
  "{{ '<|im_start|>system\nBe brief.<|im_end|>\n' }}{% endif %}" +
  "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}" +
  "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

/** GPT-2's alphabet: a printable character for every byte. */
export function byteAlphabet(): string[] {
  const printable = (byte: number): boolean =>
    (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || (byte >= 174 && byte <= 255);
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(printable(byte) ? byte : next++));
}

/** A byte-level BPE tokenizer.json of three special tokens, 256 bytes and a few merges. */
export function tinyTokenizer(): Record<string, unknown> {
  const tokens = [...specials, ...byteAlphabet(), ...merges.map((pair) => pair.join(''))];
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };
  return {
    version: '1.0',
    added_tokens: specials.map((content, id) => ({ id, content, special: true, normalized: false })),
    normalizer: null,
    pre_tokenizer: byteLevel,
    post_processor: null,
    decoder: byteLevel,
    model: {
      type: 'BPE',
      unk_token: null,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges: merges.map((pair) => pair.join(' ')),
    },
  };
}

const vocabularySize = specials.length + 256 + merges.length;

/** A Llama decoder with random weights, and a random adapter where the scheme has one. */
export function tinyModel(
  { lorasFor = ['all'], ...anchors }: TinyRules = {},
  shape: Partial<DecoderConfig> = {},
  seed = 1,
): TinyModel {
  const random = new Random(seed);
  const config: DecoderConfig = {
    model_type: 'llama',
    hidden_size: 32,
    num_hidden_layers: 2,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    head_dim: 8,
    intermediate_size: 64,
    vocab_size: vocabularySize,
    rms_norm_eps: 1e-5,
    rope_theta: 10000,
    tie_word_embeddings: true,
    max_position_embeddings: 512,
    attention_bias: false,
    bos_token_id: 1,
    eos_token_id: 2,
    ...shape,
  };
  const scheme = anchors.scheme ?? 'mark';
  const normal = (...dims: number[]): TinyTensor => {
    const data = new Float32Array(dims.reduce((a, b) => a * b, 1));
    const scale = dims.length === 1 ? 0.2 : 1.2 / Math.sqrt(dims.at(-1) ?? 1);
    for (let i = 0; i < data.length; i++) data[i] = gaussian(random) * scale + (dims.length === 1 ? 1 : 0);
    return { shape: dims, data };
  };
  const base = new Map<string, TinyTensor>();
  const loras = { all: new Map<string, TinyTensor>(), anchors: new Map<string, TinyTensor>() };
  const { hidden_size: hidden, intermediate_size: wide, head_dim: width } = config;
  const projections: readonly (readonly [string, number, number])[] = [
    ['self_attn.q_proj', config.num_attention_heads * width, hidden],
    ['self_attn.k_proj', config.num_key_value_heads * width, hidden],
    ['self_attn.v_proj', config.num_key_value_heads * width, hidden],
    ['self_attn.o_proj', hidden, config.num_attention_heads * width],
    ['mlp.gate_proj', wide, hidden],
    ['mlp.up_proj', wide, hidden],
    ['mlp.down_proj', hidden, wide],
  ];
  const embedding = normal(config.vocab_size, hidden);
  base.set('model.embed_tokens.weight', { ...embedding, data: embedding.data.map((x) => x * 3) });
  for (let layer = 0; layer < config.num_hidden_layers; layer++) {
    const prefix = `model.layers.${layer}.`;
    for (const [name, rows, columns] of projections) {
      base.set(`${prefix}${name}.weight`, normal(rows, columns));
      if (scheme === 'select' || scheme === 'EP') continue;
      for (const place of lorasFor) {
        loras[place].set(`base_model.model.${prefix}${name}.lora_A.weight`, half(normal(LORA_RANK, columns)));
        loras[place].set(`base_model.model.${prefix}${name}.lora_B.weight`, half(normal(rows, LORA_RANK)));
      }
    }
    base.set(`${prefix}input_layernorm.weight`, normal(hidden));
    base.set(`${prefix}post_attention_layernorm.weight`, normal(hidden));
  }
  base.set('model.norm.weight', normal(hidden));
  const anchorEmbedding = scheme === 'mark' || scheme === 'AC' ? normal(1, hidden) : null;
  const { choices = ['stride', 'window', 'attention', ...(scheme === 'mark' ? (['learned'] as const) : [])] } = anchors;
  const scorer = new Map<string, TinyTensor>();
  if (choices.includes('learned')) {
    scorer.set('hidden.weight', normal(SCORER_HIDDEN, config.num_hidden_layers * config.num_key_value_heads * width));
    scorer.set('hidden.bias', normal(SCORER_HIDDEN));
    scorer.set('output.weight', normal(1, SCORER_HIDDEN));
  }
  const added = scheme === 'AC' ? [config.vocab_size] : scheme === 'EP' ? [tokenId('.')] : [];
  return {
    config,
    base,
    loras,
    anchorEmbedding,
    scorer,
    anchors: {
      format_version: 1,
      scheme,
      anchor_token_ids: added,
      choice: 'window',
      choices,
      ratio: 4,
      ratios: [2, 4, 8],
      anchors_see_anchors: true,
      positions: 'cache',
      independent_chunks: true,
      max_sequence_tokens: 24,
      base: { name: 'tiny', sha256: '0'.repeat(64) },
      adapter: null,
      ...anchors,
    },
  };
}

/** Id of a one-byte token. */
export function tokenId(byte: string): number {
  return specials.length + (byte.codePointAt(0) ?? 0);
}

/** Writes what the converter reads: `base/` and, where the model has one, `adapter/`. */
export async function writeTinyModel(
  model: TinyModel,
  folder: string,
): Promise<{ base: string; adapter: string | null }> {
  const base = join(folder, 'base');
  await mkdir(base, { recursive: true });
  const weights = safetensors(model.base);
  const json = (value: object): string => JSON.stringify(value, null, 2);
  await writeFile(join(base, 'model.safetensors'), weights);
  await writeFile(join(base, 'config.json'), json({ ...model.config, architectures: ['LlamaForCausalLM'] }));
  await writeFile(join(base, 'tokenizer.json'), json(tinyTokenizer()));
  const tokens = { bos_token: '<|im_start|>', eos_token: '<|im_end|>' };
  await writeFile(join(base, 'tokenizer_config.json'), json({ chat_template: chatTemplate, ...tokens }));
  await writeFile(join(base, 'generation_config.json'), json({ eos_token_id: 2 }));
  if (model.loras.all.size + model.loras.anchors.size === 0) return { base, adapter: null };

  const adapter = join(folder, 'adapter');
  await mkdir(adapter, { recursive: true });
  const sha256 = createHash('sha256').update(weights).digest('hex');
  await writeFile(
    join(adapter, 'anchor_config.json'),
    json({ ...model.anchors, adapter: undefined, base: { name: 'tiny', sha256 } }),
  );
  await writeLora(adapter, model.loras.all);
  await writeLora(join(adapter, 'anchors'), model.loras.anchors);
  if (model.anchorEmbedding !== null) {
    const tensors = new Map([['anchor_embedding.weight', model.anchorEmbedding]]);
    await writeFile(join(adapter, 'anchor_embedding.safetensors'), safetensors(tensors));
  }
  if (model.scorer.size > 0) await writeFile(join(adapter, 'anchor_scorer.safetensors'), safetensors(model.scorer));
  return { base, adapter };
}

async function writeLora(folder: string, lora: ReadonlyMap<string, TinyTensor>): Promise<void> {
  if (lora.size === 0) return;
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'adapter_model.safetensors'), safetensors(lora, 'F16'));
  const modules = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'];
  const config = { peft_type: 'LORA', r: LORA_RANK, lora_alpha: LORA_ALPHA, target_modules: modules, bias: 'none' };
  const described = { ...config, task_type: 'CAUSAL_LM', base_model_name_or_path: 'tiny' };
  await writeFile(join(folder, 'adapter_config.json'), JSON.stringify(described, null, 2));
}

function safetensors(tensors: ReadonlyMap<string, TinyTensor>, dtype: 'F32' | 'F16' = 'F32'): Buffer {
  const header: Record<string, object> = {};
  const blocks: Buffer[] = [];
  let offset = 0;
  for (const [name, { shape, data }] of tensors) {
    const values = dtype === 'F32' ? data : toFloat16(data);
    const block = Buffer.from(values.buffer, values.byteOffset, values.byteLength);
    header[name] = { dtype, shape, data_offsets: [offset, offset + block.length] };
    blocks.push(block);
    offset += block.length;
  }
  const text = JSON.stringify(header);
  const padded = Buffer.from(text + ' '.repeat((8 - (text.length % 8)) % 8));
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(padded.length));
  return Buffer.concat([size, padded, ...blocks]);
}

function half(tensor: TinyTensor): TinyTensor {
  return { ...tensor, data: fromFloat16(toFloat16(tensor.data.map((x) => x * 0.3))) };
}

function gaussian(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());
}
