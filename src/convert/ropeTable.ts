import { assertNever } from '../protocol/errors.ts';
import type { DecoderConfig } from '../protocol/decoderConfig.ts';

/**
 * By how much each of the `head_dim / 2` rotary frequencies is divided: all ones without scaling.
 *
 * `llama3`: wavelengths over the original window (divided by `low_freq_factor`) are stretched by `factor`, short ones are
 * left, and those between are blended, as in Hugging Face's `_compute_llama3_parameters`.
 */
export function frequencyFactors(config: DecoderConfig): number[] {
  const half = config.head_dim / 2;
  const scaling = config.rope_scaling ?? { rope_type: 'default' };
  const inverse = Array.from({ length: half }, (_, i) => config.rope_theta ** (-i / half));
  switch (scaling.rope_type) {
    case 'default':
      return inverse.map(() => 1);
    case 'linear':
      return inverse.map(() => scaling.factor);
    case 'llama3': {
      const {
        factor,
        low_freq_factor: low,
        high_freq_factor: high,
        original_max_position_embeddings: window,
      } = scaling;
      return inverse.map((frequency) => {
        const wavelength = (2 * Math.PI) / frequency;
        if (wavelength < window / high) return 1;
        if (wavelength > window / low) return factor;
        const blend = (window / wavelength - low) / (high - low);
        return 1 / ((1 - blend) / factor + blend);
      });
    }
    default:
      return assertNever(scaling);
  }
}

/** Cosines and sines of the rotary embedding, each `[positions, head_dim / 2]`. */
export function ropeTables(config: DecoderConfig, positions: number): { cos: Float32Array; sin: Float32Array } {
  const half = config.head_dim / 2;
  const frequencies = frequencyFactors(config).map((factor, i) => config.rope_theta ** (-i / half) / factor);
  const cos = new Float32Array(positions * half);
  const sin = new Float32Array(positions * half);
  for (let position = 0; position < positions; position++) {
    for (let i = 0; i < half; i++) {
      const angle = position * (frequencies[i] ?? 0);
      cos[position * half + i] = Math.cos(angle);
      sin[position * half + i] = Math.sin(angle);
    }
  }
  return { cos, sin };
}
