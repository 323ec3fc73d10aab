import type { DecoderConfig } from '../protocol/decoderConfig.ts';
import type { Variant } from '../protocol/packageManifest.ts';

/** Larger groups are no faster. */
const LARGEST: Readonly<Record<Variant, number>> = { fp32: 128, int8: 64, int4: 128 };
const SMALLEST = 16;
/** Multiplications of one run at most, so that two laptop cores honour Stop within 200 ms. */
const RUN_BUDGET = 14e9;

/**
 * Tokens that one run should read at most, before anything was measured on this machine: it follows from the decoder's
 * shape and not from the clock, so that a seed gives the same answer again where nothing is remembered of the machine.
 */
export function suggestedGroupTokens(config: DecoderConfig, variant: Variant): number {
  const { hidden_size: hidden, head_dim: width } = config;
  const attention = 2 * hidden * width * (config.num_attention_heads + config.num_key_value_heads);
  const perToken = config.num_hidden_layers * (attention + 3 * hidden * config.intermediate_size);
  const affordable = Math.floor(RUN_BUDGET / perToken / SMALLEST) * SMALLEST;
  return Math.max(SMALLEST, Math.min(LARGEST[variant], affordable));
}
