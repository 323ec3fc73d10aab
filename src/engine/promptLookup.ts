/** Tokens of the shortest repetition that is looked for, and of the longest that is told from longer ones. */
export const shortestMatch = 2;
export const longestMatch = 8;

/** Earlier places that are compared: more of them are there for pairs like a comma and a space, where all are as good. */
const mostPlaces = 32;

/** Where the text stood before as it stands now. */
interface Match {
  /** Index of the token that came next there. */
  readonly next: number;
  /** Tokens before it that are the same, `shortestMatch` to `longestMatch`. */
  readonly length: number;
}

/**
 * Finds what may come next in a text that repeats itself (prompt lookup): what came after its last tokens where they
 * stood before. Of several such places the one that agrees longest is taken, and of these the latest.
 *
 * Adding a token takes constant time.
 */
export class PromptLookup {
  readonly #tokens: number[] = [];
  /** Per pair of tokens, index of the token after its latest occurrence that has one. */
  readonly #latest = new Map<number, number>();
  /** Per index of a token, the index after the occurrence of the same pair before it; -1 for none. */
  readonly #earlier: number[] = [];
  #match: Match | null = null;

  /** Tokens that agree at the place found; 0 when there is none. */
  get matched(): number {
    return this.#match?.length ?? 0;
  }

  push(ids: readonly number[]): void {
    for (const id of ids) {
      const pair = this.#lastPair;
      this.#earlier.push(pair === null ? -1 : (this.#latest.get(pair) ?? -1));
      if (pair !== null) this.#latest.set(pair, this.#tokens.length);
      this.#tokens.push(id);
    }
    this.#match = this.#find();
  }

  /** The `count` tokens that come next if the text goes on as it did before; none where it did not stand before. */
  next(count: number): number[] {
    const draft: number[] = [];
    if (this.#match === null) return draft;
    const { next } = this.#match;
    const { length } = this.#tokens;
    // What goes on into the present repeats what was just found.
    for (let i = next; draft.length < count; i++) draft.push((i < length ? this.#tokens[i] : draft[i - length]) ?? 0);
    return draft;
  }

  #find(): Match | null {
    const pair = this.#lastPair;
    let best: Match | null = null;
    let next = pair === null ? -1 : (this.#latest.get(pair) ?? -1);
    for (let places = 0; next >= 0 && places < mostPlaces; places++) {
      const length = this.#agreement(next);
      if (best === null || length > best.length) best = { next, length };
      if (length === longestMatch) break;
      next = this.#earlier[next] ?? -1;
    }
    return best;
  }

  /** Tokens before `next` that are the last ones too. */
  #agreement(next: number): number {
    const end = this.#tokens.length;
    let length = shortestMatch;
    while (length < longestMatch && length < next && this.#tokens[next - 1 - length] === this.#tokens[end - 1 - length])
      length++;
    return length;
  }

  get #lastPair(): number | null {
    const { length } = this.#tokens;
    // Ids are below 2^24.
    return length < 2 ? null : (this.#tokens[length - 2] ?? 0) * 2 ** 24 + (this.#tokens[length - 1] ?? 0);
  }
}
