import type { Variant } from '../protocol/packageManifest.ts';
import { longestMatch } from './promptLookup.ts';

/**
 * What one more token adds to a run of one, as a share of its time, on two cores. Too much costs little, and too little
 * slows down text that does not repeat itself. Constants and not the clock's, so that the runs of an answer are the same
 * on any machine.
 */
export const tokenCost: Readonly<Record<Variant, number>> = { fp32: 0.1, int8: 0.12, int4: 0.15 };

/** Tokens that are checked at once at most: Stop is honoured after them. */
const mostDrafted = 15;

/** Weight of the last token in what is known of how often repetitions of some length go on. */
const recent = 1 / 8;

/** How often a repetition of 2, 3, ... tokens goes on, before anything is known of the answer. */
const usual = [0, 0, 0.3, 0.4, 0.5, 0.6, 0.65, 0.7, 0.85];

/**
 * Decides how many tokens are worth checking at once: as many as give the most tokens for the time, by how often
 * repetitions of that length went on in this answer. That is known of every token drawn, whether it was checked ahead or
 * not; so an answer without repetitions is not slowed down, and one that begins to repeat is found out.
 */
export class DraftLength {
  readonly #cost: number;
  readonly #rates = [...usual];

  /** @param cost of one more token in a run, as a share of a run of one. */
  constructor(cost: number) {
    this.#cost = cost;
  }

  /** Notes whether a repetition of `matched` tokens went on. */
  note(matched: number, wentOn: boolean): void {
    const rate = this.#rates[matched] ?? 0;
    this.#rates[matched] = rate + ((wentOn ? 1 : 0) - rate) * recent;
  }

  /** Tokens to check ahead after a repetition of `matched` tokens, 0 to `most`. */
  after(matched: number, most: number): number {
    let best = 0;
    let bestSpeed = 1;
    let reached = 1;
    let expected = 1;
    for (let count = 1; count <= Math.min(most, mostDrafted); count++) {
      reached *= this.#rates[Math.min(matched + count - 1, longestMatch)] ?? 0;
      expected += reached;
      const speed = expected / (1 + this.#cost * count);
      if (speed <= bestSpeed) continue;
      best = count;
      bestSpeed = speed;
    }
    return matched === 0 ? 0 : best;
  }
}
