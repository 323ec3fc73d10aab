import { AnchorageError } from '../protocol/errors.ts';
import { onlineParts } from './onlineReduction.ts';
import type { Mark, OpenSequence, SequencePart, SequenceReader } from './sequenceReader.ts';

export interface LiveReading {
  readonly logits: 'last' | 'all' | 'none';
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  /** Whether the context is to tell what attention its sequences received (`AnchorContext.attention`). */
  readonly wantAttention?: boolean | undefined;
}

/** A live reading with what the context takes from it. */
interface ObservedReading extends LiveReading {
  readonly onAttention?: ((row: number, probability: number) => void) | undefined;
}

/**
 * The exchange under way: read whole, or reduced online (arXiv 2402.07616, algorithm 1) at `onlineRatio` tokens per
 * anchor.
 */
export class LiveExchange {
  /** Where the reader stood before the exchange. */
  readonly start: Mark;
  readonly #reader: SequenceReader;
  readonly #onlineRatio: number | null;
  #textTokens = 0;
  #open: OpenSequence | undefined;
  /** Token ids of the open sequence; kept for online reduction only. */
  #tail: readonly number[] = [];
  /** Of the last reading, per wanted token the logits [vocabulary] for the one after it. */
  #logits: readonly Float32Array[] = [];

  constructor(reader: SequenceReader, onlineRatio: number | null) {
    this.#reader = reader;
    this.#onlineRatio = onlineRatio;
    this.start = reader.mark;
  }

  get textTokens(): number {
    return this.#textTokens;
  }

  /** Logits [vocabulary] for the next token, if the last reading asked for them. */
  get nextLogits(): Float32Array | null {
    return this.#logits.at(-1) ?? null;
  }

  /**
   * Reads tokens. A reading that fails leaves the exchange as it was, unless online reduction has begun to drop rows:
   * then the caller must drop the exchange.
   *
   * @returns per wanted token the logits [vocabulary] for the token after it.
   */
  async read(tokens: readonly number[], options: ObservedReading): Promise<Float32Array[]> {
    if (tokens.length === 0) return [];
    const { parts, logitIndices, tail } = this.#parts(tokens);
    const last = logitIndices.slice(-1);
    const wanted = new Set({ all: logitIndices, last, none: [] }[options.logits]);
    const logits: Float32Array[] = [];
    const before = this.#reader.mark;
    const total = parts.reduce((sum, part) => sum + part.ids.length, 0);
    try {
      this.#open = await this.#reader.read(parts, {
        signal: options.signal,
        onProgress: (done) => options.onProgress?.(done, total),
        wantLogits: (index) => wanted.has(index),
        onLogits: (_, row) => logits.push(row),
        onAttention: options.onAttention,
      });
    } catch (error) {
      this.#reader.rewind(before);
      throw error;
    }
    this.#tail = tail;
    this.#textTokens += tokens.length;
    this.#logits = logits;
    return logits;
  }

  /** Forgets the last `count` tokens of the last reading, which wanted all logits. Not under online reduction. */
  retract(count: number): void {
    if (this.#open === undefined || this.#onlineRatio !== null || count > this.#logits.length) {
      throw new AnchorageError('internal', `The live exchange cannot forget ${count} tokens.`, 'Drop it.');
    }
    const { rows, textPosition, nextSequence } = this.#reader.mark;
    this.#reader.rewind({ rows: rows - count, textPosition: textPosition - count, nextSequence });
    this.#open = { ...this.#open, length: this.#open.length - count };
    this.#textTokens -= count;
    this.#logits = this.#logits.slice(0, this.#logits.length - count);
  }

  /** Does `work`, and forgets what it read. Not under online reduction, whose dropped rows cannot be put back. */
  async aside<T>(work: () => Promise<T>): Promise<T> {
    if (this.#onlineRatio !== null) {
      throw new AnchorageError('internal', 'What is reduced online cannot be forgotten again.', 'Drop the exchange.');
    }
    const [mark, open, textTokens, logits] = [this.#reader.mark, this.#open, this.#textTokens, this.#logits];
    try {
      return await work();
    } finally {
      this.#reader.rewind(mark);
      this.#open = open;
      this.#textTokens = textTokens;
      this.#logits = logits;
    }
  }

  /** Ends an exchange that was reduced online: its open tail is read again with an anchor at its end. */
  async close(signal?: AbortSignal): Promise<void> {
    const open = this.#open;
    if (open === undefined) return;
    const { scheme, anchor_token_ids: added } = this.#reader.decoder.package.anchors;
    const ids = [...this.#tail, ...(scheme === 'AC' ? added.slice(0, 1) : [])];
    const textPosition = this.#reader.mark.textPosition - open.length;
    this.#reader.rewind({ rows: open.firstRow, textPosition, nextSequence: open.number });
    await this.#reader.read([{ ids, anchors: new Set([ids.length - 1]), alone: false, end: 'reduce' }], { signal });
  }

  #parts(tokens: readonly number[]): ReturnType<typeof onlineParts> {
    if (this.#onlineRatio !== null) {
      return onlineParts(tokens, this.#reader.decoder.package.anchors, this.#onlineRatio, this.#tail, this.#open);
    }
    const part: SequencePart = { ids: tokens, anchors: new Set(), alone: false, end: 'open', continues: this.#open };
    return { parts: [part], logitIndices: tokens.map((_, i) => i), tail: [] };
  }
}

/** The logits that an answer begins with. @throws AnchorageError when the question was read without them. */
export function logitsToAnswer(live: LiveExchange | null): Float32Array {
  const logits = live?.nextLogits ?? null;
  if (logits !== null) return logits;
  throw new AnchorageError('internal', 'Nothing was read to answer to.', 'Read the question with its last logits.');
}
