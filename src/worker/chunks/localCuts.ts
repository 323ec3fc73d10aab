import { compareCuts, type CutRanks } from './cutRanks.ts';
import type { TextUnit } from './textUnits.ts';

/** A run of units: `[first, end)`. */
export interface Span {
  readonly first: number;
  readonly end: number;
}

export interface SpanSizes {
  /** A place is a cut when it is the best within so much on either side: hardly any span but a whole text is smaller. */
  readonly least: number;
  /** No span is larger, unless a unit is. */
  readonly most: number;
}

/**
 * How near to an end of a span it may be divided, in `least`: with 1 more than three chunks were new after 7 of 36,000
 * edits of a line, with this after 1; with less, more of them are small.
 */
const margin = 0.8;

/**
 * Divides units into spans at places that the text near them decides, so that an edit moves the cuts near it and no
 * others: content-defined chunking, with the best local place (Bjørner, Blass, Gurevich: Content-Dependent Chunking for
 * Differential Compression, 2010) in the place of a rolling hash. Sizes are tokens as estimated.
 */
export class LocalCuts {
  readonly #ranks: CutRanks;
  readonly #sizes: SpanSizes;
  /** Tokens in front of each unit, and of the whole text at the end. */
  readonly #offsets: Float64Array;
  readonly #count: number;

  constructor(units: readonly TextUnit[], ranks: CutRanks, sizes: SpanSizes) {
    this.#ranks = ranks;
    this.#sizes = sizes;
    this.#count = units.length;
    this.#offsets = new Float64Array(units.length + 1);
    units.forEach(({ size }, index) => (this.#offsets[index + 1] = this.#offset(index) + size));
  }

  /** The spans, in order. */
  *spans(): Generator<Span> {
    let first = 0;
    for (let index = 1; index < this.#count; index++) {
      if (!this.#isBest(index, this.#sizes.least)) continue;
      yield* this.#fitting({ first, end: index });
      first = index;
    }
    if (first < this.#count) yield* this.#fitting({ first, end: this.#count });
  }

  /** Both parts of a span that turned out to be too large; null when it is one unit. */
  halves({ first, end }: Span): readonly [Span, Span] | null {
    if (end - first < 2) return null;
    const quarter = this.#between(first, end) / 4;
    const cut = this.#bestWithin({ first, end }, quarter, this.#between(first, end) - quarter);
    return [
      { first, end: cut },
      { first: cut, end },
    ];
  }

  /** A span as it is where it fits, else in parts. */
  *#fitting({ first, end }: Span): Generator<Span> {
    const { most } = this.#sizes;
    const least = this.#sizes.least * margin;
    let begin = first;
    while (this.#between(begin, end) > most && end - begin > 1) {
      const latest = Math.min(most, Math.max(this.#between(begin, end) - least, least));
      const cut = this.#bestWithin({ first: begin, end }, least, latest);
      yield { first: begin, end: cut };
      begin = cut;
    }
    yield { first: begin, end };
  }

  /**
   * The best place at a distance of `earliest` to `latest` from the span's beginning, or the last one before that where
   * there is none. Places that are the best near them come first: they stay where they are when the span's ends move.
   */
  #bestWithin({ first, end }: Span, earliest: number, latest: number): number {
    for (const radius of [this.#sizes.least / 2, this.#sizes.least / 4, 0]) {
      let best: number | null = null;
      for (let index = first + 1; index < end && this.#between(first, index) <= latest; index++) {
        if (this.#between(first, index) < earliest || !this.#isBest(index, radius)) continue;
        // The last of equally good ones: in a text of like lines, chunks are then as large as may be.
        if (best === null || compareCuts(this.#ranks, index, best) <= 0) best = index;
      }
      if (best !== null) return best;
    }
    return this.#lastWithin({ first, end }, latest);
  }

  /** The last place at a distance of at most `distance`, or the first one at all. */
  #lastWithin({ first, end }: Span, distance: number): number {
    let index = first + 1;
    while (index + 1 < end && this.#between(first, index + 1) <= distance) index++;
    return index;
  }

  /** Whether no place within the radius is as good; of equally good ones the first is. The ends of a text are better. */
  #isBest(index: number, radius: number): boolean {
    if (radius <= 0) return true;
    for (let left = index - 1; left >= 0 && this.#between(left, index) < radius; left--) {
      if (left === 0 || compareCuts(this.#ranks, left, index) <= 0) return false;
    }
    for (let right = index + 1; right <= this.#count && this.#between(index, right) < radius; right++) {
      if (right === this.#count || compareCuts(this.#ranks, right, index) < 0) return false;
    }
    return true;
  }

  #between(from: number, to: number): number {
    return this.#offset(to) - this.#offset(from);
  }

  #offset(index: number): number {
    return this.#offsets[index] ?? 0;
  }
}
