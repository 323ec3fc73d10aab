import { AnchorageError } from '../protocol/errors.ts';
import type { Sampling } from '../protocol/sampling.ts';
import { AnchorCache } from './anchorCache.ts';
import { pieces, withAnchors } from './anchorPlan.ts';
import type { ContextOptions, Reading, SealOptions } from './contextOptions.ts';
import type { Decoder } from './decoder.ts';
import { tokenCost } from './draftLength.ts';
import { generate, type GenerateOptions, type Generation } from './generation.ts';
import { LiveExchange, logitsToAnswer, type LiveReading } from './liveExchange.ts';
import { exactTokens } from './runCut.ts';
import { ScoringPass } from './scoringPass.ts';
import type { AnchorPrecision, SealedSequence, SequenceAnchors } from './sealedSequence.ts';
import { pack, unpack } from './sequenceAnchors.ts';
import { positionsMissing, SequenceReader, type Mark, type SequencePart } from './sequenceReader.ts';
import { oneByOne, Speculation, type Rewindable } from './speculation.ts';

interface Entry {
  readonly sequence: SealedSequence;
  /** Where the reader stood before the sequence. */
  readonly start: Mark;
}

/**
 * One session's context over a decoder: pinned prefix, sealed sequences of which anchors stay, live exchange.
 *
 * One call at a time. A call that fails or is cancelled leaves the context as it was before it.
 */
export class AnchorContext {
  readonly decoder: Decoder;
  readonly pinned: readonly number[];
  readonly #options: ContextOptions;
  readonly #cache: AnchorCache;
  readonly #reader: SequenceReader;
  #scoring: ScoringPass | null = null;
  #isPinned = false;
  #entries: Entry[] = [];
  #live: LiveExchange | null = null;
  #attention: readonly number[] = [];

  constructor(decoder: Decoder, options: ContextOptions) {
    this.decoder = decoder;
    this.pinned = options.pinned;
    this.#options = options;
    this.#cache = new AnchorCache(decoder.package.config, decoder.createStorage(), options.account);
    this.#reader = new SequenceReader(decoder, this.#cache);
  }

  /** Rows of keys and values held in every layer. */
  get rows(): number {
    return this.#cache.rows;
  }

  /** Rows that full caching of the same text would hold. */
  get rowsFull(): number {
    return this.textTokens;
  }

  /** Bytes of the rows held. */
  get bytes(): number {
    return this.#cache.bytes;
  }

  /** Bytes of one row in every layer. */
  get bytesPerRow(): number {
    return this.#cache.bytesPerRow;
  }

  /** Tokens of text read: pinned prefix, sequences and live exchange. */
  get textTokens(): number {
    const sealed = this.#entries.reduce((sum, { sequence }) => sum + sequence.textTokens, 0);
    return (this.#isPinned ? this.pinned.length : 0) + sealed + (this.#live?.textTokens ?? 0);
  }

  /** Rows that there is room for: positions left in the base's window, or bytes left in the account. */
  get room(): number {
    return Math.min(this.#reader.room, this.#cache.free);
  }

  get sequences(): readonly SealedSequence[] {
    return this.#entries.map(({ sequence }) => sequence);
  }

  /** Logits [vocabulary] for the token after the live exchange; null before anything of it was read. */
  get nextLogits(): Float32Array | null {
    return this.#live?.nextLogits ?? null;
  }

  /**
   * Attention that each sequence received in the last reading that asked for it: the largest probability that one of the
   * tokens read gave a row, averaged over layers and heads, summed over the sequence's rows.
   */
  get attention(): readonly number[] {
    return this.#attention;
  }

  /** Replaces how many tokens a run reads, of those that it could; for tests of chunking. */
  set groupSize(size: (available: number) => number) {
    this.#reader.groupSize = size;
  }

  /** Reads the pinned prefix; the other calls do so when it was not done. */
  async readPinned(signal?: AbortSignal): Promise<void> {
    if (this.#isPinned) return;
    if (this.pinned.length === 0) this.#reader.adopt(0);
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
    const parts: SequencePart[] = [];
    for (const piece of pieces(tokens, config.max_sequence_tokens)) {
      const score = (ids: readonly number[]): Promise<Float64Array> => this.#scores(ids, signal);
      parts.push(await withAnchors(piece, config, { ratio, choice, independent, score }));
    }
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
   * Reads tokens into the live exchange.
   *
   * @returns per wanted token the logits [vocabulary] for the token after it.
   */
  async read(tokens: readonly number[], options: LiveReading): Promise<Float32Array[]> {
    await this.readPinned(options.signal);
    const live = (this.#live ??= new LiveExchange(this.#reader, this.#onlineRatio));
    const received = new Float64Array(options.wantAttention === true ? live.start.rows : 0);
    const onAttention = (row: number, probability: number): void => {
      received[row] = Math.max(received[row] ?? 0, probability);
    };
    try {
      const logits = await live.read(tokens, received.length > 0 ? { ...options, onAttention } : options);
      if (received.length > 0) this.#attention = this.sequences.map((sequence) => sumOver(received, sequence));
      return logits;
    } catch (error) {
      // What online reduction has dropped cannot be put back.
      if (this.#onlineRatio !== null || live.textTokens === 0) this.dropLive();
      throw error;
    }
  }

  /** Answers the live exchange, whose question was read with its last logits. */
  async generate(sampling: Sampling, options: GenerateOptions = {}): Promise<Generation> {
    const { texts = [], speculate = true } = options;
    const logits = logitsToAnswer(this.#live);
    // On a device a run of several tokens is not the same to the last bit as runs of one.
    const isAhead = speculate && this.#onlineRatio === null && this.decoder.executionProvider === 'cpu';
    const live: Rewindable = {
      room: () => this.room,
      exactTokens: () => exactTokens(this.#cache.rows),
      read: (ids) => this.read(ids, { logits: 'all' }),
      retract: (count) => this.#live?.retract(count),
    };
    const ahead = { texts, tokenCost: tokenCost[this.decoder.variant] };
    const steps = isAhead ? new Speculation(live, ahead) : oneByOne(live);
    return generate({ package: this.decoder.package, logits, steps }, sampling, options);
  }

  /** Forgets the live exchange. */
  dropLive(): void {
    if (this.#live !== null) this.#reader.rewind(this.#live.start);
    this.#live = null;
  }

  /** Seals a live exchange that was reduced online: nothing is read again but its open tail. */
  async closeLive(signal?: AbortSignal): Promise<SealedSequence> {
    const live = this.#live;
    if (live === null || this.#onlineRatio === null) {
      throw new AnchorageError('internal', 'No live exchange is being reduced online.', 'Seal its tokens instead.');
    }
    try {
      await live.close(signal);
    } catch (error) {
      this.dropLive();
      throw error;
    }
    this.#live = null;
    const { textTokens } = live;
    const ratio = this.#onlineRatio;
    return this.#record(live.start, { textTokens, ratio, choice: null, independent: false, state: 'anchored' });
  }

  /** Forgets the live exchange and the sequences from `index` on. */
  truncateTo(index: number): void {
    this.dropLive();
    const first = this.#entries[index];
    if (first === undefined) return;
    this.#reader.rewind(first.start);
    this.#entries = this.#entries.slice(0, index);
  }

  /**
   * Takes one sequence out of the middle; those after it stay as they are, and under `cache` positions move up. What
   * they took over from it while they were read stays in them.
   */
  async drop(index: number): Promise<void> {
    this.#needNoLive();
    const dropped = this.#entries[index]?.sequence;
    if (dropped === undefined) throw new AnchorageError('internal', `There is no sequence ${index}.`);
    const { firstRow, rows } = dropped;
    await this.#cache.remove(firstRow, rows, this.decoder.package.anchors.positions === 'cache');
    const moved = this.#entries.slice(index + 1).map(({ sequence, start }) => ({
      sequence: { ...sequence, index: sequence.index - 1, firstRow: sequence.firstRow - rows },
      start: { ...start, rows: start.rows - rows },
    }));
    this.#entries = [...this.#entries.slice(0, index), ...moved];
  }

  /** Frees the arenas' unused memory, or with `wanted` only where the account lacks so many rows for something else. */
  async trim(wanted?: number): Promise<void> {
    await this.#cache.trim(wanted);
  }

  /** Forgets everything, the pinned prefix too, and frees its memory; the context can be used again. */
  release(): void {
    this.dropLive();
    this.#entries = [];
    this.#isPinned = false;
    this.#reader.rewind({ rows: 0, textPosition: 0, nextSequence: 0 });
    this.#cache.release();
  }

  /** A sequence's rows, for `importAnchors`. fp32 is exact; fp16 takes half the space, int8 a quarter. */
  async exportAnchors(index: number, precision: AnchorPrecision = 'fp32'): Promise<SequenceAnchors> {
    const entry = this.#entries[index];
    if (entry === undefined) throw new AnchorageError('internal', `There is no sequence ${index}.`);
    return pack(this.#cache, entry.sequence, entry.start.textPosition, precision);
  }

  /** Makes room for so many rows that are about to be imported, and for the prefix, as far as there is memory for them. */
  async makeRoom(rows: number): Promise<void> {
    await this.#cache.makeRoom(rows + (this.#isPinned ? 0 : this.pinned.length));
  }

  /** Appends a sequence that was exported, from this context or another one of the same package; reads nothing. */
  async importAnchors(anchors: SequenceAnchors, signal?: AbortSignal): Promise<SealedSequence> {
    await this.readPinned(signal);
    this.#needNoLive();
    const start = this.#reader.mark;
    const { textTokens, ratio, choice, independent, state, span } = anchors.sequence;
    const isAbsolute = this.decoder.package.anchors.positions === 'absolute';
    const needed = isAbsolute ? span : anchors.positions.length;
    if (needed > this.room) throw positionsMissing(needed, this.room, this.decoder.package.config);
    await unpack(this.#cache, anchors, start.nextSequence, isAbsolute ? start.textPosition : null);
    this.#reader.adopt(span);
    return this.#record(start, { textTokens, ratio, choice, independent, state });
  }

  async #ready(tokens: readonly number[], signal: AbortSignal | undefined): Promise<void> {
    if (tokens.length === 0) throw new AnchorageError('invalidInput', 'A sequence without tokens cannot be read.');
    this.#needNoLive();
    await this.readPinned(signal);
  }

  #needNoLive(): void {
    if (this.#live === null) return;
    throw new AnchorageError(
      'internal',
      'A sequence was closed while an exchange is live.',
      'Drop the live exchange first.',
    );
  }

  #scores(piece: readonly number[], signal: AbortSignal | undefined): Promise<Float64Array> {
    this.#scoring ??= this.#options.scoring ?? new ScoringPass(this.decoder, this.pinned);
    return this.#scoring.scores(piece, signal);
  }

  async #close(
    parts: readonly SequencePart[],
    record: Omit<SealedSequence, 'index' | 'firstRow' | 'rows' | 'span'>,
    options: Reading,
  ): Promise<SealedSequence> {
    const start = this.#reader.mark;
    await this.#reading(parts, options);
    return this.#record(start, record);
  }

  #record(start: Mark, record: Omit<SealedSequence, 'index' | 'firstRow' | 'rows' | 'span'>): SealedSequence {
    const sequence: SealedSequence = {
      ...record,
      index: this.#entries.length,
      firstRow: start.rows,
      rows: this.#cache.rows - start.rows,
      span: this.#reader.mark.textPosition - start.textPosition,
    };
    this.#entries.push({ sequence, start });
    return sequence;
  }

  /** Reads parts; on failure the reader goes back to where it stood. */
  async #reading(parts: readonly SequencePart[], { signal, onProgress }: Reading): Promise<void> {
    const start = this.#reader.mark;
    const total = parts.reduce((sum, part) => sum + part.ids.length, 0);
    try {
      await this.#reader.read(parts, { signal, onProgress: (done) => onProgress?.(done, total) });
    } catch (error) {
      this.#reader.rewind(start);
      throw error;
    }
  }

  get #onlineRatio(): number | null {
    if (this.#options.reduction !== 'online') return null;
    return this.#options.onlineRatio ?? this.decoder.package.anchors.ratio;
  }
}

function sumOver(values: Float64Array, { firstRow, rows }: SealedSequence): number {
  return values.subarray(firstRow, firstRow + rows).reduce((sum, value) => sum + value, 0);
}

function wholePart(ids: readonly number[], alone: boolean): SequencePart {
  return { ids, anchors: new Set(), alone, end: 'whole' };
}
