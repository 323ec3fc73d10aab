import { AnchorageError } from '../protocol/errors.ts';
import { AnchorCache } from './anchorCache.ts';
import { pieces, sealedParts } from './anchorPlan.ts';
import type { ContextOptions, Reading, SealOptions } from './contextOptions.ts';
import type { Decoder } from './decoder.ts';
import { scoredBy, ScoringPass, type ScoredBy } from './scoringPass.ts';
import type { AnchorPrecision, SealedSequence, SequenceAnchors } from './sealedSequence.ts';
import { pack, unpack } from './sequenceAnchors.ts';
import { SequenceList, type SequenceRecord } from './sequenceList.ts';
import { positionsMissing, SequenceReader, type SequencePart } from './sequenceReader.ts';

/**
 * What a context has sealed: its pinned prefix, and the sequences after it. `AnchorContext` adds the live exchange.
 *
 * A call that fails or is cancelled leaves the context as it was before it.
 */
export abstract class SealedContext {
  readonly decoder: Decoder;
  readonly pinned: readonly number[];
  protected readonly cache: AnchorCache;
  protected readonly reader: SequenceReader;
  protected readonly list = new SequenceList();
  readonly #givenScoring: ScoringPass | undefined;
  #scoring: ScoringPass | null = null;
  #isPinned = false;

  constructor(decoder: Decoder, options: ContextOptions) {
    this.decoder = decoder;
    this.pinned = options.pinned;
    this.#givenScoring = options.scoring;
    this.cache = new AnchorCache(decoder.package.config, decoder.createStorage(), options.account);
    this.reader = new SequenceReader(decoder, this.cache);
  }

  /** Rows of keys and values held in every layer. */
  get rows(): number {
    return this.cache.rows;
  }

  /** Bytes of the rows held. */
  get bytes(): number {
    return this.cache.bytes;
  }

  /** Bytes of one row in every layer. */
  get bytesPerRow(): number {
    return this.cache.bytesPerRow;
  }

  /** Rows that there is room for: positions left in the base's window, or bytes left in the account. */
  get room(): number {
    return Math.min(this.reader.room, this.cache.free);
  }

  get sequences(): readonly SealedSequence[] {
    return this.list.sequences;
  }

  /** Tokens of the pinned prefix and the sequences. */
  protected get sealedTokens(): number {
    return (this.#isPinned ? this.pinned.length : 0) + this.list.textTokens;
  }

  /** Replaces how many tokens a run reads, of those that it could; for tests of chunking. */
  set groupSize(size: (available: number) => number) {
    this.reader.groupSize = size;
  }

  /** Reads the pinned prefix; the other calls do so when it was not done. */
  async readPinned(signal?: AbortSignal): Promise<void> {
    if (this.#isPinned) return;
    if (this.pinned.length === 0) this.reader.adopt(0);
    else await this.#reading([wholePart(this.pinned, false)], { signal });
    this.#isPinned = true;
  }

  /**
   * Reads a closed sequence with its anchors in place, and reduces it to them. A text longer than the package's
   * `max_sequence_tokens` is read in pieces.
   */
  async seal(tokens: readonly number[], options: SealOptions = {}): Promise<SealedSequence> {
    const { anchors: config } = this.decoder.package;
    const { signal, ratio = config.ratio, choice = config.choice, independent = false } = options;
    await this.#ready(tokens, signal);
    const score = (piece: readonly number[]): Promise<Float64Array> => this.#scores(piece, scoredBy(choice), signal);
    const parts = await sealedParts(tokens, config, { ratio, choice, independent, score });
    const chosen = config.scheme === 'mark' || config.scheme === 'select' ? choice : null;
    return this.#close(
      parts,
      { textTokens: tokens.length, ratio, choice: chosen, independent, state: 'anchored' },
      options,
    );
  }

  /** Reads a closed sequence and keeps every row, as full caching does. */
  async keepWhole(
    tokens: readonly number[],
    options: Reading & { readonly independent?: boolean } = {},
  ): Promise<SealedSequence> {
    const { independent = false } = options;
    await this.#ready(tokens, options.signal);
    const record = { textTokens: tokens.length, ratio: 1, choice: null, independent, state: 'live' } as const;
    return this.#close([wholePart(tokens, independent)], record, options);
  }

  /**
   * Takes one sequence out of the middle; those after it stay as they are, and under `cache` positions move up. What
   * they took over from it while they were read stays in them.
   */
  async drop(index: number): Promise<void> {
    this.needNoLive();
    const { firstRow, rows } = this.list.at(index).sequence;
    await this.cache.remove(firstRow, rows, this.#isReRotated);
    this.list.remove(index);
  }

  /**
   * Of the sequences' rows keeps only `rows`, ascending rows of the cache: what a control does that chooses them by
   * other means than anchors. Under `cache` positions their keys are re-rotated as reduction does it.
   */
  async retain(rows: readonly number[]): Promise<void> {
    this.needNoLive();
    await this.cache.retain(this.list.firstRow ?? this.cache.rows, rows, this.#isReRotated);
    this.list.retain(rows);
  }

  /**
   * How much attention each token receives while the decoder repeats the text (`ScoringPass`), a piece of
   * `max_sequence_tokens` at a time.
   *
   * @returns scores [tokens.length]
   */
  async repeatScores(tokens: readonly number[], signal?: AbortSignal): Promise<number[]> {
    const scores: number[] = [];
    for (const piece of pieces(tokens, this.decoder.package.anchors.max_sequence_tokens)) {
      scores.push(...(await this.#scores(piece, 'repeating', signal)));
    }
    return scores;
  }

  /** Frees the arenas' unused memory, or with `wanted` only where the account lacks so many rows for something else. */
  async trim(wanted?: number): Promise<void> {
    await this.cache.trim(wanted);
  }

  /** A sequence's rows, for `importAnchors`. fp32 is exact; fp16 takes half the space, int8 a quarter. */
  async exportAnchors(index: number, precision: AnchorPrecision = 'fp32'): Promise<SequenceAnchors> {
    const { sequence, start } = this.list.at(index);
    return pack(this.cache, sequence, start.textPosition, precision);
  }

  /** Makes room for so many rows that are about to be imported, and for the prefix, as far as there is memory for them. */
  async makeRoom(rows: number): Promise<void> {
    await this.cache.makeRoom(rows + (this.#isPinned ? 0 : this.pinned.length));
  }

  /** Appends a sequence that was exported, from this context or another one of the same package; reads nothing. */
  async importAnchors(anchors: SequenceAnchors, signal?: AbortSignal): Promise<SealedSequence> {
    await this.readPinned(signal);
    this.needNoLive();
    const start = this.reader.mark;
    const { textTokens, ratio, choice, independent, state, span } = anchors.sequence;
    const isAbsolute = this.decoder.package.anchors.positions === 'absolute';
    const needed = isAbsolute ? span : anchors.positions.length;
    if (needed > this.room) throw positionsMissing(needed, this.room, this.decoder.package.config);
    await unpack(this.cache, anchors, start.nextSequence, isAbsolute ? start.textPosition : null);
    this.reader.adopt(span);
    return this.list.add(start, this.reader.mark, { textTokens, ratio, choice, independent, state });
  }

  /** Forgets everything, the pinned prefix too, and frees its memory; the context can be used again. */
  release(): void {
    this.list.cut(0);
    this.#isPinned = false;
    this.reader.rewind({ rows: 0, textPosition: 0, nextSequence: 0 });
    this.cache.release();
  }

  /** @throws AnchorageError `internal` while rows stand behind the sequences. */
  protected abstract needNoLive(): void;

  async #ready(tokens: readonly number[], signal: AbortSignal | undefined): Promise<void> {
    if (tokens.length === 0) throw new AnchorageError('invalidInput', 'A sequence without tokens cannot be read.');
    this.needNoLive();
    await this.readPinned(signal);
  }

  #scores(piece: readonly number[], by: ScoredBy, signal: AbortSignal | undefined): Promise<Float64Array> {
    this.#scoring ??= this.#givenScoring ?? new ScoringPass(this.decoder, this.pinned);
    return this.#scoring.scores(piece, by, signal);
  }

  async #close(parts: readonly SequencePart[], record: SequenceRecord, options: Reading): Promise<SealedSequence> {
    const start = this.reader.mark;
    await this.#reading(parts, options);
    return this.list.add(start, this.reader.mark, record);
  }

  /** Reads parts; on failure the reader goes back to where it stood. */
  async #reading(parts: readonly SequencePart[], { signal, onProgress }: Reading): Promise<void> {
    const start = this.reader.mark;
    const total = parts.reduce((sum, part) => sum + part.ids.length, 0);
    try {
      await this.reader.read(parts, { signal, onProgress: (done) => onProgress?.(done, total) });
    } catch (error) {
      this.reader.rewind(start);
      throw error;
    }
  }

  /** Whether rows that move up in the cache move up in position too. */
  get #isReRotated(): boolean {
    return this.decoder.package.anchors.positions === 'cache';
  }
}

function wholePart(ids: readonly number[], alone: boolean): SequencePart {
  return { ids, anchors: new Set(), alone, end: 'whole' };
}
