import type { EngineName } from './engines.ts';

/** How many of an answer's tokens an engine predicts as the reference does: full caching in single precision. */
export interface Agreement {
  readonly engine: EngineName;
  readonly share: number;
}

/**
 * The least share at which an engine that keeps every row counts as computing the same. Eight-bit weights change few of
 * the likeliest tokens; four bits change many of those that were hardly likelier than the next. Anchors are another
 * computation, which `npm run recovery` and `npm run perplexity` judge.
 */
export const wantedAgreement: Readonly<Partial<Record<EngineName, number>>> = {
  full: 0.6,
  llamaQ4: 0.6,
  llamaQ8: 0.8,
  transformers: 0.6,
};

export function agreement(
  expected: readonly number[],
  samples: readonly { readonly engine: EngineName; readonly predicted: readonly number[] }[],
): Agreement[] {
  return samples.map(({ engine, predicted }) => {
    const same = expected.filter((id, i) => id === predicted[i]).length;
    return { engine, share: same / expected.length };
  });
}
