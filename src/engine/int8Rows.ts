import { fromFloat16, toFloat16 } from './float16.ts';

/** The farthest step from zero; -128 is left out, so that steps are as many on either side. */
const mostSteps = 127;

/** Numbers as steps of a scale, `headDim` numbers a scale. */
export interface Int8Numbers {
  readonly steps: Int8Array;
  /** Half-precision bits, [numbers / headDim]. */
  readonly scales: Uint16Array;
}

/**
 * Symmetric 8-bit quantisation of rows: every head of every row has a scale of its own, its largest magnitude / 127.
 *
 * The scale is rounded up to half precision before the numbers are divided by it, so that its rounding costs at most
 * 0.1% of a step, and none is cut off. Numbers must be finite.
 */
export function toInt8(values: Float32Array, headDim: number): Int8Numbers {
  const steps = new Int8Array(values.length);
  const largest = new Float32Array(values.length / headDim);
  for (let head = 0; head < largest.length; head++) {
    let most = 0;
    for (let i = head * headDim; i < (head + 1) * headDim; i++) {
      const magnitude = Math.abs(values[i] ?? 0);
      if (magnitude > most) most = magnitude;
    }
    largest[head] = most;
  }
  const scales = toFloat16(largest.map((most) => most / mostSteps));
  const rounded = fromFloat16(scales);
  largest.forEach((most, head) => {
    if ((rounded[head] ?? 0) * mostSteps < most) scales[head] = (scales[head] ?? 0) + 1;
  });
  fromFloat16(scales, rounded);
  for (let head = 0; head < largest.length; head++) {
    const scale = rounded[head] ?? 0;
    const inverse = scale === 0 ? 0 : 1 / scale;
    for (let i = head * headDim; i < (head + 1) * headDim; i++) {
      // Four times as fast as Math.round.
      steps[i] = (((values[i] ?? 0) * inverse + 128.5) | 0) - 128;
    }
  }
  return { steps, scales };
}

/** The numbers behind steps, into `out`. */
export function fromInt8({ steps, scales }: Int8Numbers, headDim: number, out: Float32Array): void {
  const factors = fromFloat16(scales);
  for (let head = 0; head < factors.length; head++) {
    const scale = factors[head] ?? 0;
    for (let i = head * headDim; i < (head + 1) * headDim; i++) out[i] = (steps[i] ?? 0) * scale;
  }
}
