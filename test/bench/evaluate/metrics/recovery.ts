import { bootstrap, mean, type Estimate } from './bootstrap.ts';

/** The scores of the same items, read in three ways. */
export interface ThreeReadings {
  readonly reduced: readonly number[];
  readonly full: readonly number[];
  readonly none: readonly number[];
}

/**
 * Recovery = (reduced - none) / (full - none), of mean scores: 0 is as good as not having read the context, 1 as good as
 * having kept all of it. The interval draws whole items, so that the three readings of an item stay together.
 *
 * Null where reading the whole context gains nothing that the sample could show (the lower end of the interval of
 * full - none is not above 0): there is nothing to recover, and the quotient would be noise.
 */
export function recovery({ reduced, full, none }: ThreeReadings): Estimate | null {
  const of = (values: readonly number[], indices: readonly number[]): number =>
    mean(indices.map((i) => values[i] ?? NaN));
  const gain = bootstrap(full.length, (indices) => of(full, indices) - of(none, indices));
  if (gain === null || gain.low <= 0) return null;
  return bootstrap(full.length, (indices) => {
    const nothing = of(none, indices);
    return (of(reduced, indices) - nothing) / (of(full, indices) - nothing);
  });
}
