import { Random } from '../../../../src/engine/random.ts';

/** A figure of a sample of items, and where 95% of the figures of resampled items lie. */
export interface Estimate {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

const resamples = 1000;

/**
 * The percentile bootstrap (Efron 1979): `figure` of the items drawn again with replacement, 1,000 times. The seed is
 * fixed, so that the same items give the same interval. Draws whose figure is not a number (a recovery without anything
 * to recover) are left out; null where they are more than one in twenty, or the sample's own is one.
 *
 * @param figure of the items with these indices.
 */
export function bootstrap(
  count: number,
  figure: (indices: readonly number[]) => number,
  seed = 1,
  times = resamples,
): Estimate | null {
  const random = new Random(seed);
  const value = figure(Array.from({ length: count }, (_, i) => i));
  return interval(value, () => figure(drawnAgain(count, random)), times);
}

/** The mean of the groups' means, so that every group weighs the same; items are drawn again within their group. */
export function meanOfGroups(groups: readonly (readonly number[])[], seed = 1): Estimate | null {
  const random = new Random(seed);
  const again = (): number =>
    mean(groups.map((group) => mean(drawnAgain(group.length, random).map((i) => group[i] ?? NaN))));
  return interval(mean(groups.map(mean)), again, resamples);
}

function interval(value: number, again: () => number, times: number): Estimate | null {
  if (!Number.isFinite(value)) return null;
  const drawn = Array.from({ length: times }, again)
    .filter(Number.isFinite)
    .sort((a, b) => a - b);
  if (drawn.length < 0.95 * times) return null;
  const at = (share: number): number => drawn[Math.round(share * (drawn.length - 1))] ?? value;
  return { value, low: at(0.025), high: at(0.975) };
}

function drawnAgain(count: number, random: Random): number[] {
  return Array.from({ length: count }, () => random.integer(0, count - 1));
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The mean of the values, with its interval. */
export function meanEstimate(values: readonly number[]): Estimate | null {
  return bootstrap(values.length, (indices) => mean(indices.map((i) => values[i] ?? NaN)));
}

/** The mean of `ours - theirs` of the same items, with its interval. */
export function differenceEstimate(ours: readonly number[], theirs: readonly number[]): Estimate | null {
  return meanEstimate(ours.map((value, i) => value - (theirs[i] ?? NaN)));
}
