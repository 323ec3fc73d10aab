import { z } from 'zod';
import { decoderConfigSchema, type DecoderConfig } from '../protocol/decoderConfig.ts';
import { AnchorageError } from '../protocol/errors.ts';
import { readJson } from './readJson.ts';
import { describeIssues } from './describeIssues.ts';

const knownTypes = decoderConfigSchema.shape.model_type.options;

/** Fields of config.json whose defaults or other places have to be resolved; the rest is checked by `decoderConfigSchema`. */
const looseSchema = z.looseObject({
  model_type: z.string(),
  hidden_size: z.number(),
  num_attention_heads: z.number(),
  num_key_value_heads: z.number().nullish(),
  head_dim: z.number().nullish(),
  hidden_act: z.string().default('silu'),
  mlp_bias: z.boolean().default(false),
  attention_bias: z.boolean().default(false),
  sliding_window: z.number().nullish(),
  use_sliding_window: z.boolean().default(true),
  max_position_embeddings: z.number(),
  rope_theta: z.number().nullish(),
  rope_scaling: z.looseObject({}).nullish(),
  rope_parameters: z.looseObject({ rope_theta: z.number().nullish() }).nullish(),
  tie_word_embeddings: z.boolean().default(false),
});

/** The decoder's shape, from a config.json as Hugging Face writes it. */
export function readHuggingFaceConfig(path: string): DecoderConfig {
  const raw = readJson(path, looseSchema);
  if (!knownTypes.some((type) => type === raw.model_type)) {
    throw unsupported(
      path,
      `the architecture "${raw.model_type}"`,
      `Choose a decoder of one of these: ${knownTypes.join(', ')}.`,
    );
  }
  if (raw.hidden_act !== 'silu') throw unsupported(path, `the activation "${raw.hidden_act}"`);
  if (raw.mlp_bias) throw unsupported(path, 'biases in its feed-forward layers');
  if (raw.attention_bias && raw.model_type !== 'qwen2') throw unsupported(path, 'a bias on its output projection');
  const scaling = raw.rope_scaling ?? raw.rope_parameters ?? null;
  const window = raw.use_sliding_window ? (raw.sliding_window ?? Number.POSITIVE_INFINITY) : Number.POSITIVE_INFINITY;
  const parsed = decoderConfigSchema.safeParse({
    ...raw,
    num_key_value_heads: raw.num_key_value_heads ?? raw.num_attention_heads,
    head_dim: raw.head_dim ?? raw.hidden_size / raw.num_attention_heads,
    rope_theta: raw.rope_theta ?? raw.rope_parameters?.rope_theta ?? 10_000,
    rope_scaling: scaling && { ...scaling, rope_type: scaling['rope_type'] ?? scaling['type'] ?? 'default' },
    // Attention is always full here, so no more is promised than the window within which that makes no difference.
    max_position_embeddings: Math.min(raw.max_position_embeddings, window),
    attention_bias: raw.model_type === 'qwen2',
  });
  if (!parsed.success)
    throw new AnchorageError('fileInvalid', `${path}: ${describeIssues(parsed.error)}.`, 'Choose another decoder.');
  return parsed.data;
}

function unsupported(
  path: string,
  what: string,
  remedy = 'Choose another decoder of the Llama family.',
): AnchorageError {
  return new AnchorageError(
    'unsupported',
    `${path} describes a decoder with ${what}, which cannot be converted.`,
    remedy,
  );
}
