import type { DecoderConfig } from '../protocol/decoderConfig.ts';
import type { Variant } from '../protocol/packageManifest.ts';

/** Larger groups are no faster. */
const LARGEST: Readonly<Record<Variant, number>> = { fp32: 128, int8: 64, int4: 128 };
const SMALLEST = 16;
/** Multiplications of one run at most, so that two laptop cores honour Stop within 200 ms. */
const RUN_BUDGET = 14e9;

/**
 * Tokens that one run reads at most.
 *
 * It follows from the decoder's shape and not from the clock: int8 logits depend on how a text is cut into runs, and a
 * seed should give the same answer again.
 */
export function groupTokens(config: DecoderConfig, variant: Variant): number {
  const { hidden_size: hidden, head_dim: width } = config;
  const attention = 2 * hidden * width * (config.num_attention_heads + config.num_key_value_heads);
  const perToken = config.num_hidden_layers * (attention + 3 * hidden * config.intermediate_size);
  const affordable = Math.floor(RUN_BUDGET / perToken / SMALLEST) * SMALLEST;
  return Math.max(SMALLEST, Math.min(LARGEST[variant], affordable));
}
