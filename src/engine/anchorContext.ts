import type { Choice } from '../protocol/anchorConfig.ts';
import { AnchorageError } from '../protocol/errors.ts';
import type { Sampling } from '../protocol/sampling.ts';
import { AnchorCache } from './anchorCache.ts';
import { pieces, withAnchors } from './anchorPlan.ts';
import type { Decoder } from './decoder.ts';
import { generate, type GenerateOptions, type Generation } from './generation.ts';
import { onlineParts } from './onlineReduction.ts';
import { ScoringPass } from './scoringPass.ts';
import type { SealedSequence, SequenceAnchors } from './sealedSequence.ts';
import { pack, unpack } from './sequenceAnchors.ts';
import { SequenceReader, type Mark, type OpenSequence, type SequencePart } from './sequenceReader.ts';

export interface ContextOptions {
  /** Token ids of the pinned prefix. */
  readonly pinned: readonly number[];
  /**
   * `onClose`: the live exchange stays whole. `online`: every anchor in it, fed or generated, reduces at once
   * (arXiv 2402.07616, algorithm 1).
   */
  readonly reduction?: 'onClose' | 'online';
  /** Tokens per anchor under `online`; the package's ratio by default. */
  readonly onlineRatio?: number;
}

export interface Reading {
  readonly signal?: AbortSignal | undefined;
  /** Called between runs with the tokens done so far. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

export interface SealOptions extends Reading {
  readonly ratio?: number | undefined;
  readonly choice?: Choice | undefined;
  /** The sequence sees the pinned prefix alone, so that its anchors depend on content alone. */
  readonly independent?: boolean | undefined;
}

interface Live {
  readonly start: Mark;
  readonly textTokens: number;
  readonly open: OpenSequence | undefined;
  /** Token ids of the open sequence; kept under `online` only. */
  readonly tail: readonly number[];
}

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
  #live: Live | null = null;
  #nextLogits: Float32Array | null = null;

  constructor(decoder: Decoder, options: ContextOptions) {
    this.decoder = decoder;
    this.pinned = options.pinned;
    this.#options = options;
    this.#cache = new AnchorCache(decoder.package.config);
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

  /** Positions left in the base's window. */
  get room(): number {
    return this.#reader.room;
  }

  get sequences(): readonly SealedSequence[] {
    return this.#entries.map(({ sequence }) => sequence);
  }

  /** Logits [vocabulary] for the token after the live exchange; null before anything of it was read. */
  get nextLogits(): Float32Array | null {
    return this.#nextLogits;
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
  async read(
    tokens: readonly number[],
    options: Reading & { readonly logits: 'last' | 'all' | 'none' },
  ): Promise<Float32Array[]> {
    await this.readPinned(options.signal);
    const live = this.#live ?? { start: this.#reader.mark, textTokens: 0, open: undefined, tail: [] };
    const { anchors: config } = this.decoder.package;
    const isOnline = this.#options.reduction === 'online';
    const ratio = this.#options.onlineRatio ?? config.ratio;
    const online = isOnline ? onlineParts(tokens, config, ratio, live.tail, live.open) : null;
    const parts: readonly SequencePart[] = online?.parts ?? [openPart(tokens, live.open)];
    const indices = online?.logitIndices ?? tokens.map((_, i) => i);
    const wanted = new Set(options.logits === 'all' ? indices : options.logits === 'last' ? indices.slice(-1) : []);
    const logits: Float32Array[] = [];
    try {
      const open = await this.#reading(parts, options, {
        wantLogits: (index) => wanted.has(index),
        onLogits: (_, row) => logits.push(row),
      });
      this.#live = { ...live, textTokens: live.textTokens + tokens.length, open, tail: online?.tail ?? [] };
    } catch (error) {
      // What an anchor has reduced cannot be put back.
      if (isOnline && this.#live !== null) this.dropLive();
      throw error;
    }
    if (tokens.length > 0) this.#nextLogits = logits.at(-1) ?? null;
    return logits;
  }

  /** Answers the live exchange, whose question was read with its last logits. */
  async generate(sampling: Sampling, options: GenerateOptions = {}): Promise<Generation> {
    if (this.#nextLogits === null) {
      throw new AnchorageError('internal', 'Nothing was read to answer to.', 'Read the question with its last logits.');
    }
    const from = {
      package: this.decoder.package,
      logits: this.#nextLogits,
      hasRoom: (): boolean => this.room > 1,
      feed: async (id: number): Promise<Float32Array> => {
        const [next] = await this.read([id], { logits: 'last' });
        if (next === undefined) throw new AnchorageError('internal', 'The model gave no logits.');
        return next;
      },
    };
    return generate(from, sampling, options);
  }

  /** Forgets the live exchange. */
  dropLive(): void {
    if (this.#live !== null) this.#reader.rewind(this.#live.start);
    this.#live = null;
    this.#nextLogits = null;
  }

  /** Closes a live exchange that was reduced online, by an anchor at its end; nothing is read but its open tail. */
  async closeLive(options: Reading = {}): Promise<SealedSequence> {
    const live = this.#live;
    if (live === null || this.#options.reduction !== 'online') {
      throw new AnchorageError('internal', 'No live exchange is being reduced online.', 'Seal its tokens instead.');
    }
    const { anchors: config } = this.decoder.package;
    const ratio = this.#options.onlineRatio ?? config.ratio;
    const firstRow = live.open?.firstRow ?? this.#cache.rows;
    if (live.open !== undefined) {
      const anchor = config.scheme === 'AC' ? config.anchor_token_ids.slice(0, 1) : [];
      const ids = [...live.tail, ...anchor];
      this.#reader.rewind({
        rows: firstRow,
        textPosition: this.#reader.mark.textPosition - live.open.length,
        nextSequence: live.open.number,
      });
      const part = { ids, anchors: new Set([ids.length - 1]), alone: false, end: 'reduce' } as const;
      try {
        await this.#reading([part], options);
      } catch (error) {
        this.dropLive();
        throw error;
      }
    }
    const record = { textTokens: live.textTokens, ratio, choice: null, independent: false, state: 'anchored' } as const;
    this.#live = null;
    this.#nextLogits = null;
    return this.#record(live.start, record);
  }

  /** Forgets the live exchange and the sequences from `index` on. */
  truncateTo(index: number): void {
    this.dropLive();
    const first = this.#entries[index];
    if (first === undefined) return;
    this.#reader.rewind(first.start);
    this.#entries = this.#entries.slice(0, index);
  }

  /** A sequence's rows, for `importAnchors`. fp32 is exact; fp16 takes half the space. */
  exportAnchors(index: number, precision: 'fp32' | 'fp16' = 'fp32'): SequenceAnchors {
    const entry = this.#entries[index];
    if (entry === undefined) throw new AnchorageError('internal', `There is no sequence ${index}.`);
    return pack(this.#cache, entry.sequence, entry.start.textPosition, precision);
  }

  /** Appends a sequence that was exported, from this context or another one of the same package; reads nothing. */
  async importAnchors(anchors: SequenceAnchors, signal?: AbortSignal): Promise<SealedSequence> {
    await this.readPinned(signal);
    this.#needNoLive();
    const start = this.#reader.mark;
    const { textTokens, ratio, choice, independent, state, span } = anchors.sequence;
    const isAbsolute = this.decoder.package.anchors.positions === 'absolute';
    const needed = isAbsolute ? span : anchors.positions.length;
    if (needed > this.room) throw tooLong(needed, this.room, this.decoder.package.config.max_position_embeddings);
    unpack(this.#cache, anchors, start.nextSequence, isAbsolute ? start.textPosition : null);
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
    this.#scoring ??= new ScoringPass(this.decoder, this.pinned);
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
  async #reading(
    parts: readonly SequencePart[],
    { signal, onProgress }: Reading,
    logits: Pick<Parameters<SequenceReader['read']>[1] & object, 'wantLogits' | 'onLogits'> = {},
  ): Promise<OpenSequence | undefined> {
    const start = this.#reader.mark;
    const total = parts.reduce((sum, part) => sum + part.ids.length, 0);
    try {
      return await this.#reader.read(parts, { ...logits, signal, onProgress: (done) => onProgress?.(done, total) });
    } catch (error) {
      this.#reader.rewind(start);
      throw error;
    }
  }
}

function wholePart(ids: readonly number[], alone: boolean): SequencePart {
  return { ids, anchors: new Set(), alone, end: 'whole' };
}

function openPart(ids: readonly number[], continues: OpenSequence | undefined): SequencePart {
  return { ids, anchors: new Set(), alone: false, end: 'open', continues };
}

function tooLong(needed: number, free: number, limit: number): AnchorageError {
  return new AnchorageError(
    'contextTooLong',
    `A text of ${needed} tokens does not fit: ${Math.max(0, free)} of the model's ${limit} positions are free.`,
    'Ask about less text, raise the ratio, or start a new session.',
  );
}
