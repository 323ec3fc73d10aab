import { AnchorageError } from '../protocol/errors.ts';
import type { Sampling } from '../protocol/sampling.ts';
import type { ContextOptions } from './contextOptions.ts';
import type { Decoder } from './decoder.ts';
import { tokenCost } from './draftLength.ts';
import { generate, type GenerateOptions, type Generation } from './generation.ts';
import { LiveExchange, logitsToAnswer, type LiveReading } from './liveExchange.ts';
import { ReceivedAttention } from './receivedAttention.ts';
import { exactTokens } from './runCut.ts';
import { SealedContext } from './sealedContext.ts';
import type { SealedSequence } from './sealedSequence.ts';
import { oneByOne, Speculation, type Rewindable } from './speculation.ts';

/**
 * One session's context over a decoder: pinned prefix, sealed sequences of which anchors stay, live exchange.
 *
 * One call at a time. A call that fails or is cancelled leaves the context as it was before it.
 */
export class AnchorContext extends SealedContext {
  readonly #onlineRatio: number | null;
  #live: LiveExchange | null = null;
  #attention: readonly number[] = [];

  constructor(decoder: Decoder, options: ContextOptions) {
    super(decoder, options);
    const { reduction, onlineRatio = decoder.package.anchors.ratio } = options;
    this.#onlineRatio = reduction === 'online' ? onlineRatio : null;
  }

  /** Rows that full caching of the same text would hold. */
  get rowsFull(): number {
    return this.textTokens;
  }

  /** Tokens of text read: pinned prefix, sequences and live exchange. */
  get textTokens(): number {
    return this.sealedTokens + (this.#live?.textTokens ?? 0);
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

  /**
   * Reads tokens into the live exchange.
   *
   * @returns per wanted token the logits [vocabulary] for the token after it.
   */
  async read(tokens: readonly number[], options: LiveReading): Promise<Float32Array[]> {
    await this.readPinned(options.signal);
    const live = (this.#live ??= new LiveExchange(this.reader, this.#onlineRatio));
    const isWatched = options.wantAttention === true && live.start.rows > 0;
    const received = isWatched ? new ReceivedAttention(live.start.rows) : null;
    try {
      const logits = await live.read(tokens, { ...options, onAttention: received?.note });
      if (received !== null) this.#attention = received.of(this.sequences);
      return logits;
    } catch (error) {
      // What online reduction has dropped cannot be put back.
      if (this.#onlineRatio !== null || live.textTokens === 0) this.dropLive();
      throw error;
    }
  }

  /** Does `work`, and forgets what it read into the live exchange. Not under online reduction. */
  async aside<T>(work: () => Promise<T>): Promise<T> {
    return this.#live === null ? work().finally(() => this.dropLive()) : this.#live.aside(work);
  }

  /** Answers the live exchange, whose question was read with its last logits. */
  async generate(sampling: Sampling, options: GenerateOptions = {}): Promise<Generation> {
    const { texts = [], speculate = true } = options;
    const logits = logitsToAnswer(this.#live);
    // On a device a run of several tokens is not the same to the last bit as runs of one.
    const isAhead = speculate && this.#onlineRatio === null && this.decoder.executionProvider === 'cpu';
    const live: Rewindable = {
      room: () => this.room,
      exactTokens: () => exactTokens(this.cache.rows),
      read: (ids) => this.read(ids, { logits: 'all' }),
      retract: (count) => this.#live?.retract(count),
    };
    const ahead = { texts, tokenCost: tokenCost[this.decoder.variant] };
    const steps = isAhead ? new Speculation(live, ahead) : oneByOne(live);
    return generate({ package: this.decoder.package, logits, steps }, sampling, options);
  }

  /** Forgets the live exchange. */
  dropLive(): void {
    if (this.#live !== null) this.reader.rewind(this.#live.start);
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
    const record = { textTokens, ratio, choice: null, independent: false, state: 'anchored' } as const;
    return this.list.add(live.start, this.reader.mark, record);
  }

  /** Forgets the live exchange and the sequences from `index` on. */
  truncateTo(index: number): void {
    this.dropLive();
    const start = this.list.cut(index);
    if (start !== null) this.reader.rewind(start);
  }

  override release(): void {
    this.dropLive();
    super.release();
  }

  protected override needNoLive(): void {
    if (this.#live === null) return;
    throw new AnchorageError(
      'internal',
      'A sequence was closed while an exchange is live.',
      'Drop the live exchange first.',
    );
  }
}
