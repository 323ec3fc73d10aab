import { z } from 'zod';

const size = z
  .int()
  .min(1)
  .max(1 << 20);

/** RoPE scalings that the converter and the engine implement, in Hugging Face's names. */
export const ropeScalingSchema = z.discriminatedUnion('rope_type', [
  z.object({ rope_type: z.literal('default') }),
  z.object({ rope_type: z.literal('linear'), factor: z.number().positive() }),
  z.object({
    rope_type: z.literal('llama3'),
    factor: z.number().positive(),
    low_freq_factor: z.number().positive(),
    high_freq_factor: z.number().positive(),
    original_max_position_embeddings: size,
  }),
]);

/** `config.json`: the decoder's shape, in Hugging Face's names. */
export const decoderConfigSchema = z
  .object({
    model_type: z.enum(['llama', 'mistral', 'qwen2', 'qwen3']),
    hidden_size: size,
    num_hidden_layers: z.int().min(1).max(512),
    num_attention_heads: z.int().min(1).max(1024),
    num_key_value_heads: z.int().min(1).max(1024),
    head_dim: z.int().min(2).max(1024).multipleOf(2),
    intermediate_size: size,
    vocab_size: z
      .int()
      .min(2)
      .max(1 << 22),
    rms_norm_eps: z.number().positive(),
    rope_theta: z.number().positive(),
    rope_scaling: ropeScalingSchema.nullish(),
    tie_word_embeddings: z.boolean(),
    max_position_embeddings: z.int().min(1),
    /** Bias on the q, k and v projections (Qwen2). */
    attention_bias: z.boolean().default(false),
    bos_token_id: z.int().nullish(),
    eos_token_id: z.union([z.int(), z.array(z.int())]).nullish(),
    pad_token_id: z.int().nullish(),
  })
  .refine((config) => config.num_attention_heads % config.num_key_value_heads === 0, {
    path: ['num_key_value_heads'],
    error: 'does not divide num_attention_heads',
  });

export type DecoderConfig = z.infer<typeof decoderConfigSchema>;
export type RopeScaling = z.infer<typeof ropeScalingSchema>;
