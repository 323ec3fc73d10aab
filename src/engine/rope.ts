import type { DecoderConfig } from '../protocol/decoderConfig.ts';
import { assertNever } from '../protocol/errors.ts';

/**
 * Rotary position embedding (Su et al., arXiv 2104.09864), half-split order: element i of a head turns together with
 * element i + head_dim / 2, by position * frequency[i].
 *
 * Rotations add up, so a key that was rotated at one position is moved to another by rotating it by the difference.
 */
export class Rope {
  /** Radians per position, [head_dim / 2]. */
  readonly frequencies: Float64Array;
  /** Cosine and sine per frequency of the latest shift: rows of a sequence move together, in every layer. */
  readonly #cos: Float64Array;
  readonly #sin: Float64Array;
  #shift = 0;

  constructor(config: Pick<DecoderConfig, 'head_dim' | 'rope_theta' | 'rope_scaling'>) {
    const half = config.head_dim / 2;
    this.frequencies = Float64Array.from({ length: half }, (_, i) =>
      scaled(config.rope_theta ** (-i / half), config.rope_scaling),
    );
    this.#cos = new Float64Array(half).fill(1);
    this.#sin = new Float64Array(half);
  }

  /** Rotates the keys of one row ([kv_heads * head_dim] at `offset`) in place by `shift` positions. */
  shift(keys: Float32Array, offset: number, width: number, shift: number): void {
    this.#turnBy(shift);
    const half = this.frequencies.length;
    for (let i = 0; i < half; i++) {
      const cos = this.#cos[i] ?? 0;
      const sin = this.#sin[i] ?? 0;
      for (let head = offset; head < offset + width; head += 2 * half) {
        const low = keys[head + i] ?? 0;
        const high = keys[head + half + i] ?? 0;
        keys[head + i] = low * cos - high * sin;
        keys[head + half + i] = high * cos + low * sin;
      }
    }
  }

  /** Cosines and sines of rotations by so many positions, each [shifts, head_dim / 2]. */
  turns(shifts: Int32Array): { readonly cos: Float32Array; readonly sin: Float32Array } {
    const half = this.frequencies.length;
    const cos = new Float32Array(shifts.length * half);
    const sin = new Float32Array(shifts.length * half);
    shifts.forEach((shift, i) => {
      this.#turnBy(shift);
      cos.set(this.#cos, i * half);
      sin.set(this.#sin, i * half);
    });
    return { cos, sin };
  }

  #turnBy(shift: number): void {
    if (shift === this.#shift) return;
    this.#shift = shift;
    this.frequencies.forEach((frequency, i) => {
      this.#cos[i] = Math.cos(shift * frequency);
      this.#sin[i] = Math.sin(shift * frequency);
    });
  }
}

/** Frequency under a scaling, as Hugging Face's `modeling_rope_utils` computes it. */
function scaled(frequency: number, scaling: DecoderConfig['rope_scaling']): number {
  if (scaling === null || scaling === undefined) return frequency;
  switch (scaling.rope_type) {
    case 'default':
      return frequency;
    case 'linear':
      return frequency / scaling.factor;
    case 'llama3': {
      const turns = (scaling.original_max_position_embeddings * frequency) / (2 * Math.PI);
      if (turns > scaling.high_freq_factor) return frequency;
      if (turns < scaling.low_freq_factor) return frequency / scaling.factor;
      const smooth = (turns - scaling.low_freq_factor) / (scaling.high_freq_factor - scaling.low_freq_factor);
      return ((1 - smooth) * frequency) / scaling.factor + smooth * frequency;
    }
    default:
      return assertNever(scaling);
  }
}
