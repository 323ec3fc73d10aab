import { AnchorageError } from '../protocol/errors.ts';
import { DraftLength } from './draftLength.ts';
import type { Steps } from './generation.ts';
import { PromptLookup } from './promptLookup.ts';

/** A live exchange that can be read ahead of. */
export interface Rewindable {
  /** Tokens that there is room for. */
  room(): number;
  /** Tokens that one run may read with the result that as many runs of one would have. */
  exactTokens(): number;
  /** Reads tokens and gives the logits after each. */
  read(ids: readonly number[]): Promise<readonly Float32Array[]>;
  /** Forgets the last `count` tokens of the last reading. */
  retract(count: number): void;
}

/** How an answer is read ahead of. */
export interface SpeculationOptions {
  /** Texts that the answer may repeat. */
  readonly texts: readonly (readonly number[])[];
  /** What one more token adds to a run, as a share of a run of one. */
  readonly tokenCost: number;
}

/**
 * Reads an answer's tokens one by one, and with each those that may follow it, since several at once take hardly longer
 * than one. Whoever draws the tokens sees the logits that reading one by one gives, in the same order, and draws what it
 * likes: tokens that it does not draw are forgotten.
 */
export class Speculation implements Steps {
  readonly #live: Rewindable;
  readonly #lookup = new PromptLookup();
  readonly #length: DraftLength;
  /** Tokens read that nobody has drawn yet, with the logits after each. */
  #ahead: { readonly id: number; readonly logits: Float32Array }[] = [];
  /** What may be drawn next. */
  #expected: number | undefined;

  constructor(live: Rewindable, { texts, tokenCost }: SpeculationOptions) {
    this.#live = live;
    this.#length = new DraftLength(tokenCost);
    for (const text of texts) this.#lookup.push(text);
    [this.#expected] = this.#lookup.next(1);
  }

  room(): number {
    return this.#live.room() + this.#ahead.length;
  }

  async feed(id: number, left: number): Promise<Float32Array> {
    this.#note(id);
    const [next, ...rest] = this.#ahead;
    if (next?.id === id) {
      this.#ahead = rest;
      return next.logits;
    }
    this.settle();
    // The last token drawn is not read, and after every other there has to be room for one more.
    const most = Math.min(left - 1, this.#live.room() - 2, this.#live.exactTokens() - 1);
    const draft = this.#lookup.next(this.#length.after(this.#lookup.matched, most));
    const [logits, ...after] = await readAll(this.#live, [id, ...draft]);
    this.#ahead = after.map((each, i) => ({ id: draft[i] ?? 0, logits: each }));
    return logits;
  }

  settle(): void {
    if (this.#ahead.length > 0) this.#live.retract(this.#ahead.length);
    this.#ahead = [];
  }

  #note(id: number): void {
    if (this.#expected !== undefined) this.#length.note(this.#lookup.matched, id === this.#expected);
    this.#lookup.push([id]);
    [this.#expected] = this.#lookup.next(1);
  }
}

/** Reads an answer's tokens as they are drawn. */
export function oneByOne(live: Rewindable): Steps {
  return {
    room: () => live.room(),
    feed: async (id) => (await readAll(live, [id]))[0],
    settle: () => undefined,
  };
}

async function readAll(live: Rewindable, ids: readonly number[]): Promise<[Float32Array, ...Float32Array[]]> {
  const [first, ...rest] = await live.read(ids);
  if (first === undefined) throw new AnchorageError('internal', 'A token was read without its logits.');
  return [first, ...rest];
}
