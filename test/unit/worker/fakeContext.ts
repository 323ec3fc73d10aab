import { setTimeout as sleep } from 'node:timers/promises';
import type { Generation } from '../../../src/engine/generation.ts';
import type { SealedSequence, SequenceAnchors } from '../../../src/engine/sealedSequence.ts';
import { AnchorageError } from '../../../src/protocol/errors.ts';
import type { BatchContext } from '../../../src/worker/model.ts';

type Context = BatchContext['context'];

/** What a fake context was made to read, for tests of what is read again and what is not. */
export interface Reading {
  readonly how: 'seal' | 'whole' | 'live' | 'import';
  readonly tokens: number;
  readonly choice?: string | undefined;
}

/** A device that can be pulled out: what was made before has then lost its rows. */
export interface FakeDevice {
  isLost: boolean;
}

/** Milliseconds that reading 64 tokens takes, and writing one. */
export interface Pace {
  readonly read: number;
  readonly write: number;
}

/**
 * A context without a model: a token is a character, an anchor stands for `ratio` of them, and an answer is made of
 * words, or of what the question orders ("crash", "fail", "print", "unplug").
 */
export class FakeContext implements Context {
  readonly pinned = [1, 2, 3];
  readonly bytesPerRow = 8;
  readonly nextLogits = null;
  readonly readings: Reading[] = [];
  /** Texts that the last answer might have repeated. */
  likely: readonly (readonly number[])[] = [];
  readonly #pace: Pace;
  readonly #capacity: number;
  readonly #device: FakeDevice | null;
  #sequences: SealedSequence[] = [];
  #live: number[] = [];
  #isPinned = false;
  #attention: readonly number[] = [];

  constructor(pace: Pace = { read: 0, write: 0 }, capacity = 4096, device: FakeDevice | null = null) {
    this.#device = device;
    this.#pace = pace;
    this.#capacity = capacity;
  }

  get rows(): number {
    return this.#prefix + this.#sequences.reduce((sum, { rows }) => sum + rows, 0) + this.#live.length;
  }

  get rowsFull(): number {
    return this.textTokens;
  }

  get bytes(): number {
    return this.rows * this.bytesPerRow;
  }

  get textTokens(): number {
    return this.#prefix + this.#sequences.reduce((sum, { textTokens }) => sum + textTokens, 0) + this.#live.length;
  }

  get room(): number {
    return this.#capacity - this.rows;
  }

  /** A question attends to every row alike. */
  get attention(): readonly number[] {
    return this.#attention;
  }

  get sequences(): readonly SealedSequence[] {
    return this.#sequences;
  }

  async readPinned(): Promise<void> {
    this.#isPinned = true;
  }

  async seal(tokens: readonly number[], options: Parameters<Context['seal']>[1] = {}): Promise<SealedSequence> {
    const { ratio = 8, choice = 'window', independent = false } = options;
    await this.#read(tokens, options);
    this.readings.push({ how: 'seal', tokens: tokens.length, choice });
    return this.#push({
      textTokens: tokens.length,
      rows: Math.ceil(tokens.length / ratio),
      ratio,
      choice,
      independent,
      state: 'anchored',
    });
  }

  async keepWhole(
    tokens: readonly number[],
    options: Parameters<Context['keepWhole']>[1] = {},
  ): Promise<SealedSequence> {
    await this.#read(tokens, options);
    this.readings.push({ how: 'whole', tokens: tokens.length });
    const { length } = tokens;
    return this.#push({ textTokens: length, rows: length, ratio: 1, choice: null, independent: false, state: 'live' });
  }

  async read(tokens: readonly number[], options: Parameters<Context['read']>[1]): Promise<Float32Array[]> {
    await this.#read(tokens, options);
    this.readings.push({ how: 'live', tokens: tokens.length });
    this.#live.push(...tokens);
    if (options.wantAttention === true) this.#attention = this.#sequences.map(({ rows }) => rows);
    return [];
  }

  async generate(
    sampling: Parameters<Context['generate']>[0],
    options: Parameters<Context['generate']>[1] = {},
  ): Promise<Generation> {
    this.likely = options.texts ?? [];
    const question = String.fromCodePoint(...this.#live);
    if (question.includes('crash')) {
      process.stderr.write('the fake model was told to crash\n');
      process.kill(process.pid, 'SIGKILL');
    }
    if (question.includes('fail')) throw new AnchorageError('internal', 'The fake model failed.');
    if (question.includes('print')) console.log('noise that must not reach the protocol');
    const words = Array.from({ length: sampling.maxTokens }, (_, i) => `word${i} `);
    let text = '';
    const tokens: number[] = [];
    const times = { firstTokenMs: 0, decodeMs: 1 };
    for (const word of words) {
      if (options.signal?.aborted === true) return { text, tokens, stopReason: 'cancelled', times };
      await sleep(this.#pace.write);
      if (question.includes('unplug') && tokens.length === 2 && this.#device !== null) this.#device.isLost = true;
      this.#needDevice();
      text += word;
      tokens.push(tokens.length);
      options.onToken?.(word);
    }
    return { text, tokens, stopReason: 'maxTokens', times };
  }

  dropLive(): void {
    this.#live = [];
  }

  async drop(index: number): Promise<void> {
    this.#sequences.splice(index, 1);
  }

  async makeRoom(): Promise<void> {}

  async trim(): Promise<void> {}

  release(): void {
    this.truncateTo(0);
    this.#isPinned = false;
  }

  truncateTo(index: number): void {
    this.dropLive();
    this.#sequences = this.#sequences.slice(0, index);
  }

  async exportAnchors(index: number): Promise<SequenceAnchors> {
    const sequence = this.#sequences[index];
    if (sequence === undefined) throw new RangeError(`no sequence ${index}`);
    const positions = Int32Array.from({ length: sequence.rows }, (_, i) => i);
    const keyValues = Uint16Array.from({ length: sequence.rows * 4 }, (_, i) => i);
    return { precision: 'fp16', keyValues, positions, textPosition: 0, sequence };
  }

  async importAnchors({ sequence }: SequenceAnchors): Promise<SealedSequence> {
    this.#isPinned = true;
    this.readings.push({ how: 'import', tokens: sequence.textTokens, choice: sequence.choice ?? undefined });
    return this.#push(sequence);
  }

  #needDevice(): void {
    if (this.#device?.isLost === true) throw new AnchorageError('deviceFailed', 'The GPU failed: it was unplugged.');
  }

  get #prefix(): number {
    return this.#isPinned ? this.pinned.length : 0;
  }

  async #read(
    tokens: readonly number[],
    {
      signal,
      onProgress,
    }: { signal?: AbortSignal | undefined; onProgress?: ((done: number, total: number) => void) | undefined },
  ): Promise<void> {
    this.#needDevice();
    this.#isPinned = true;
    for (let done = 0; done < tokens.length; done += 64) {
      await sleep(this.#pace.read);
      if (signal?.aborted === true) throw new AnchorageError('cancelled', 'Reading was cancelled.');
      onProgress?.(Math.min(done + 64, tokens.length), tokens.length);
    }
  }

  #push(record: Omit<SealedSequence, 'index' | 'firstRow' | 'span'>): SealedSequence {
    const sequence = { ...record, index: this.#sequences.length, firstRow: this.rows, span: record.textTokens };
    this.#sequences.push(sequence);
    return sequence;
  }
}
