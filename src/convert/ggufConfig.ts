import { AnchorageError } from '../protocol/errors.ts';
import { decoderConfigSchema, type DecoderConfig, type RopeScaling } from '../protocol/decoderConfig.ts';
import { dequantise } from './dequantise.ts';
import type { GgufFile } from './ggufFile.ts';
import { describeIssues } from './describeIssues.ts';
import { frequencyFactors } from './ropeTable.ts';

/** GGUF architecture names that the converter knows. Mistral's files say `llama`. */
const modelTypes: ReadonlyMap<string, DecoderConfig['model_type']> = new Map([
  ['llama', 'llama'],
  ['mistral', 'mistral'],
  ['qwen2', 'qwen2'],
  ['qwen3', 'qwen3'],
]);

/** Context lengths from which Llama 3's files were scaled; the file keeps only the resulting factors. */
const llama3Originals = [8192];

/** The decoder's shape, from the metadata of a GGUF file. */
export function readGgufConfig(gguf: GgufFile): DecoderConfig {
  const path = gguf.file.path;
  const architecture = gguf.string('general.architecture');
  const modelType = modelTypes.get(architecture);
  if (modelType === undefined) {
    throw new AnchorageError(
      'unsupported',
      `${path} holds a decoder of the architecture "${architecture}", which cannot be converted.`,
      `Choose a decoder of one of these architectures: ${[...modelTypes.keys()].join(', ')}.`,
    );
  }
  if ((gguf.optionalNumber(`${architecture}.expert_count`) ?? 0) > 0) {
    throw new AnchorageError('unsupported', `${path} holds a mixture of experts.`, 'Choose a dense decoder.');
  }
  const field = (name: string) => gguf.number(`${architecture}.${name}`);
  const optional = (name: string) => gguf.optionalNumber(`${architecture}.${name}`);
  const heads = field('attention.head_count');
  const headDim = optional('attention.key_length') ?? field('embedding_length') / heads;
  const rotated = optional('rope.dimension_count') ?? headDim;
  if (rotated !== headDim) {
    throw new AnchorageError(
      'unsupported',
      `${path} rotates ${rotated} of ${headDim} values of each head.`,
      'Choose another decoder.',
    );
  }
  const table = gguf.tensors.get('token_embd.weight');
  const parsed = decoderConfigSchema.safeParse({
    model_type: modelType,
    hidden_size: field('embedding_length'),
    num_hidden_layers: field('block_count'),
    num_attention_heads: heads,
    num_key_value_heads: optional('attention.head_count_kv') ?? heads,
    head_dim: headDim,
    intermediate_size: field('feed_forward_length'),
    vocab_size: table?.shape[0] ?? gguf.strings('tokenizer.ggml.tokens').length,
    // The file holds single precision; the nearest short decimal is what was meant (1e-5, not 9.99999974e-6).
    rms_norm_eps: Number(field('attention.layer_norm_rms_epsilon').toPrecision(6)),
    rope_theta: optional('rope.freq_base') ?? 10_000,
    tie_word_embeddings: !gguf.tensors.has('output.weight'),
    max_position_embeddings: field('context_length'),
    attention_bias: gguf.tensors.has('blk.0.attn_q.bias'),
    bos_token_id: gguf.optionalNumber('tokenizer.ggml.bos_token_id'),
    eos_token_id: gguf.optionalNumber('tokenizer.ggml.eos_token_id'),
    pad_token_id: gguf.optionalNumber('tokenizer.ggml.padding_token_id'),
  });
  if (!parsed.success)
    throw gguf.file.invalid(`its metadata does not describe a decoder: ${describeIssues(parsed.error)}`);
  const scaling = readRopeScaling(gguf, architecture, parsed.data);
  return scaling === undefined ? parsed.data : { ...parsed.data, rope_scaling: scaling };
}

function readRopeScaling(gguf: GgufFile, architecture: string, config: DecoderConfig): RopeScaling | undefined {
  if (gguf.tensors.has('rope_freqs.weight')) return recogniseLlama3(gguf, config);
  const type = gguf.optionalString(`${architecture}.rope.scaling.type`) ?? 'none';
  if (type === 'none') return undefined;
  if (type === 'linear') return { rope_type: 'linear', factor: gguf.number(`${architecture}.rope.scaling.factor`) };
  throw new AnchorageError(
    'unsupported',
    `${gguf.file.path} scales positions by "${type}".`,
    'Choose a decoder with none, linear or llama3 scaling.',
  );
}

/** Llama 3's scaling is stored as one factor per frequency; find the parameters that give those factors. */
function recogniseLlama3(gguf: GgufFile, config: DecoderConfig): RopeScaling {
  const tensor = gguf.tensors.get('rope_freqs.weight');
  // Its length first: a head has few frequencies, and a file may claim any number.
  const fits = tensor !== undefined && tensor.shape.reduce((size, length) => size * length, 1) === config.head_dim / 2;
  const factors = fits
    ? dequantise(tensor.type, gguf.file.read(tensor.offset, tensor.bytes, tensor.name))
    : new Float32Array();
  const factor = Math.max(...factors);
  for (const original of fits ? llama3Originals : []) {
    const scaling: RopeScaling = {
      rope_type: 'llama3',
      factor,
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: original,
    };
    const expected = frequencyFactors({ ...config, rope_scaling: scaling });
    if (expected.every((value, i) => Math.abs(value / (factors[i] ?? 0) - 1) < 1e-3)) return scaling;
  }
  throw new AnchorageError(
    'unsupported',
    `${gguf.file.path}: rope_freqs.weight is not the scaling of Llama 3.`,
    'Choose another decoder.',
  );
}
