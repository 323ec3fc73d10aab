import { Random } from '../../../src/engine/random.ts';

/** The values in a random order that the seed fixes (Fisher and Yates). */
export function shuffled<T>(values: readonly T[], seed: number): T[] {
  const random = new Random(seed);
  const out = [...values];
  for (let i = out.length - 1; i > 0; i--) {
    const j = random.integer(0, i);
    const [a, b] = [out[i], out[j]];
    if (a === undefined || b === undefined) continue;
    out[i] = b;
    out[j] = a;
  }
  return out;
}

/** One of the values. */
export function pick<T>(values: readonly T[], random: Random): T {
  const value = values[random.integer(0, values.length - 1)];
  if (value === undefined) throw new RangeError('There is nothing to draw from.');
  return value;
}
