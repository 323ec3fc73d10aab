import type { DecoderConfig } from '../protocol/decoderConfig.ts';
import { AnchorageError } from '../protocol/errors.ts';
import type { AnchorCache } from './anchorCache.ts';
import { attentionBias } from './anchorMask.ts';
import type { Decoder } from './decoder.ts';
import type { PlacedToken } from './placedToken.ts';

/** A sequence, or the next part of one, to be read. */
export interface SequencePart {
  readonly ids: readonly number[];
  /** Indices of its anchors. */
  readonly anchors: ReadonlySet<number>;
  /** It sees the pinned prefix and itself alone. */
  readonly alone: boolean;
  /** At its end: only anchors stay, every row stays, or it goes on later (`continues`). */
  readonly end: 'reduce' | 'whole' | 'open';
  /** The open sequence that this part goes on. */
  readonly continues?: OpenSequence | undefined;
}

/** A sequence whose end has not been read. */
export interface OpenSequence {
  readonly number: number;
  readonly firstRow: number;
  /** Position of its first token. */
  readonly base: number;
  readonly length: number;
}

export interface ReadOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called after each run with the tokens read so far. */
  readonly onProgress?: ((tokens: number) => void) | undefined;
  /** Tokens whose logits are wanted, as indices into all tokens of this reading, and where they go. */
  readonly wantLogits?: ((index: number, total: number) => boolean) | undefined;
  readonly onLogits?: ((index: number, logits: Float32Array) => void) | undefined;
  /** Called after each run for every row that was cached before it: attention that it received, averaged over layers and heads. */
  readonly onAttention?: ((row: number, probability: number) => void) | undefined;
}

interface Entry extends OpenSequence {
  readonly part: SequencePart;
  next: number;
}

/** Where a reader stands: what a caller keeps to go back there. */
export interface Mark {
  readonly rows: number;
  readonly textPosition: number;
  readonly nextSequence: number;
}

/**
 * Reads sequences into a cache in groups of tokens, masked inside a group, reduced after it.
 *
 * Under `absolute` positions, and for independent sequences, several short sequences share a group. Under `cache`
 * positions a sequence begins its own group: it sees the anchors before it where reduction puts them, which is only
 * known, and only done, after their run.
 */
export class SequenceReader {
  readonly decoder: Decoder;
  readonly cache: AnchorCache;
  /** Tokens of the next group, of those that could be read at once. */
  groupSize: (available: number) => number;
  #textPosition = 0;
  #nextSequence = 0;

  constructor(decoder: Decoder, cache: AnchorCache) {
    this.decoder = decoder;
    this.cache = cache;
    this.groupSize = (available) => evenly(available, decoder.groupTokens);
  }

  get mark(): Mark {
    return { rows: this.cache.rows, textPosition: this.#textPosition, nextSequence: this.#nextSequence };
  }

  /** Forgets what was read since `mark`. */
  rewind(mark: Mark): void {
    this.cache.truncate(mark.rows);
    this.#textPosition = mark.textPosition;
    this.#nextSequence = mark.nextSequence;
  }

  /** Takes over rows that were put into the cache as one sequence of `tokens` tokens. Gives its number. */
  adopt(tokens: number): number {
    this.#textPosition += tokens;
    return this.#nextSequence++;
  }

  /** Position that the next sequence begins at. */
  get nextPosition(): number {
    return this.#isAbsolute ? this.#textPosition : this.cache.rows;
  }

  /** Positions that are left before the base's window ends. */
  get room(): number {
    return this.decoder.package.config.max_position_embeddings - this.nextPosition;
  }

  /**
   * Reads parts in order and gives the sequence left open, if the last one is.
   *
   * @throws AnchorageError `cancelled` between runs, `contextTooLong`; the caller rewinds.
   */
  async read(parts: readonly SequencePart[], options: ReadOptions = {}): Promise<OpenSequence | undefined> {
    const total = parts.reduce((sum, part) => sum + part.ids.length, 0);
    const upcoming = parts.filter((part) => part.ids.length > 0);
    const entries: Entry[] = [];
    for (let done = 0; done < total;) {
      const size = Math.max(1, this.groupSize(this.#available(entries.at(-1), upcoming)));
      const group = this.#nextGroup(entries, upcoming, size);
      await this.#run(group, done, total, options);
      done += group.length;
      options.onProgress?.(done);
      await this.#close(entries);
    }
    const last = entries.at(-1);
    return last && { number: last.number, firstRow: last.firstRow, base: last.base, length: last.length + last.next };
  }

  /** Tokens that one run could read. */
  #available(entry: Entry | undefined, upcoming: readonly SequencePart[]): number {
    let count = entry === undefined ? 0 : entry.part.ids.length - entry.next;
    for (const part of upcoming) {
      if (count > 0 && !this.#mayShare(part)) break;
      count += part.ids.length;
    }
    return count;
  }

  /** Takes up to `size` tokens from the sequence under way and from `upcoming`, whose used parts it removes. */
  #nextGroup(entries: Entry[], upcoming: SequencePart[], size: number): PlacedToken[] {
    const group: PlacedToken[] = [];
    while (group.length < size) {
      let entry = entries.at(-1);
      if (entry === undefined || entry.next === entry.part.ids.length) {
        const part = upcoming[0];
        if (part === undefined || (group.length > 0 && !this.#mayShare(part))) break;
        upcoming.shift();
        entry = this.#begin(part, this.cache.rows + group.length);
        entries.push(entry);
      }
      this.#take(entry, size - group.length, group);
    }
    return group;
  }

  get #isAbsolute(): boolean {
    return this.decoder.package.anchors.positions === 'absolute';
  }

  #mayShare(part: SequencePart): boolean {
    return this.#isAbsolute || part.alone;
  }

  #begin(part: SequencePart, row: number): Entry {
    const base = this.#isAbsolute ? this.#textPosition : part.alone ? this.#pinnedRows() : this.cache.rows;
    const open = part.continues ?? { number: this.#nextSequence++, firstRow: row, base, length: 0 };
    const { config } = this.decoder.package;
    const free = config.max_position_embeddings - open.base - open.length;
    if (part.ids.length > free) throw positionsMissing(part.ids.length, free, config);
    this.#textPosition += part.ids.length;
    return { ...open, part, next: 0 };
  }

  #take(entry: Entry, count: number, group: PlacedToken[]): void {
    const { part } = entry;
    const end = Math.min(entry.next + count, part.ids.length);
    for (let t = entry.next; t < end; t++) {
      const anchor = part.anchors.has(t);
      group.push({
        id: part.ids[t] ?? 0,
        position: entry.base + entry.length + t,
        sequence: entry.number,
        anchor,
        kept: anchor || part.end === 'whole',
        alone: part.alone,
      });
    }
    entry.next = end;
  }

  async #run(group: readonly PlacedToken[], done: number, total: number, options: ReadOptions): Promise<void> {
    throwIfCancelled(options.signal);
    const { cache, decoder } = this;
    const wanted = group.flatMap((_, i) => (options.wantLogits?.(done + i, total) === true ? [i] : []));
    const bias = attentionBias(cache, group, decoder.package.anchors.anchors_see_anchors);
    const wantScores = options.onAttention !== undefined;
    await cache.reserve(group.length);
    const result = await decoder.run({ cache, tokens: group, bias, logits: wanted, wantScores });
    if (options.onAttention !== undefined) this.#tellAttention(result.scores, group.length, options.onAttention);
    await cache.append(result.keyValues, group);
    const vocabulary = decoder.package.config.vocab_size;
    wanted.forEach((i, n) =>
      options.onLogits?.(done + i, result.logits.subarray(n * vocabulary, (n + 1) * vocabulary)),
    );
  }

  /** @param scores [layers, heads, rows + tokens] */
  #tellAttention(scores: Float32Array, tokens: number, tell: (row: number, probability: number) => void): void {
    const { rows } = this.cache;
    const width = Math.max(1, rows) + tokens;
    const heads = scores.length / width;
    for (let row = 0; row < rows; row++) {
      let sum = 0;
      for (let head = 0; head < heads; head++) sum += scores[head * width + row] ?? 0;
      tell(row, sum / heads);
    }
  }

  /** Reduces the sequences that ended in the last run, and drops their entries. */
  async #close(entries: Entry[]): Promise<void> {
    const firstRow = entries[0]?.firstRow ?? this.cache.rows;
    const ended = entries.filter(({ part, next }) => next === part.ids.length && part.end !== 'open');
    if (ended.length === 0) return;
    const numbers = new Set(ended.map(({ number }) => number));
    await this.cache.reduce(firstRow, (sequence) => numbers.has(sequence), !this.#isAbsolute);
    const open = entries.filter(({ number }) => !numbers.has(number));
    const moved = open.map((entry) => ({ ...entry, firstRow: this.cache.sequences.indexOf(entry.number) }));
    entries.splice(0, entries.length, ...moved);
  }

  /** Rows of the pinned prefix, which come first. */
  #pinnedRows(): number {
    const first = this.cache.sequences.findIndex((sequence) => sequence !== 0);
    return first < 0 ? this.cache.rows : first;
  }
}

/** Size of groups of at most `largest` that share `count` tokens evenly: a last group of two costs as much as one of 32. */
function evenly(count: number, largest: number): number {
  return Math.ceil(count / Math.ceil(count / largest));
}

/** The error of a text that does not fit into the base's window. */
export function positionsMissing(tokens: number, free: number, config: DecoderConfig): AnchorageError {
  return new AnchorageError(
    'contextTooLong',
    `A text of ${tokens} tokens does not fit: ${Math.max(0, free)} of the model's ${config.max_position_embeddings} positions are free.`,
    'Ask about less text, raise the ratio, or start a new session.',
  );
}

export function throwIfCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw new AnchorageError('cancelled', 'Stopped.');
}
