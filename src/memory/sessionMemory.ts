import type { SequenceAnchors } from '../engine/sealedSequence.ts';
import type { Choice } from '../protocol/anchorConfig.ts';
import { AnchorageError } from '../protocol/errors.ts';
import { decodeAnchors, encodeAnchors } from './anchorBlob.ts';
import type { AnchorKeys } from './anchorKey.ts';
import type { DecoderContext } from './decoderContext.ts';
import type { SequenceText, SessionSequence } from './sessionSequence.ts';
import type { AnchorStore } from './sessionStore.ts';

/** How sequences are sealed unless one says otherwise. */
export interface SealDefaults {
  readonly ratio: number;
  readonly choice: Choice;
  /** File chunks are read seeing only the pinned prefix. */
  readonly independentChunks: boolean;
}

export interface SessionMemoryOptions {
  readonly context: DecoderContext;
  readonly keys: AnchorKeys;
  readonly store: AnchorStore;
  readonly defaults: SealDefaults;
  /** Tokens of a sequence, as the model reads it. */
  readonly encode: (text: SequenceText) => readonly number[];
  readonly sequences: readonly SessionSequence[];
}

export interface PlaceOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called with the tokens placed so far. */
  readonly onProgress?: ((tokens: number) => void) | undefined;
}

/**
 * Keeps a session's sequences in an engine context: the n-th of the session is the n-th of the context.
 *
 * The session's list is the truth and the context follows it: `settle` places what is not there yet, from stored
 * anchors where they are to be had, else by reading the text again with the choice that costs nothing (`stride`);
 * `sealInIdle` seals again by the choice that is preferred. The last exchange stays live, that is whole, until one of
 * the two seals it.
 */
export class SessionMemory {
  readonly #options: SessionMemoryOptions;
  readonly #sequences: SessionSequence[];
  /** Per sequence in the context, the chain of keys up to and with it. */
  readonly #chains: string[] = [];
  /** Anchors taken out of the context while better ones are made, to be put back when that is stopped. */
  readonly #spare = new Map<string, SequenceAnchors>();

  constructor(options: SessionMemoryOptions) {
    this.#options = options;
    this.#sequences = [...options.sequences];
  }

  get context(): DecoderContext {
    return this.#options.context;
  }

  get sequences(): readonly SessionSequence[] {
    return this.#sequences;
  }

  /** Sequences that the context holds as anchors; those after them are live or still to be placed. */
  get placed(): number {
    return this.#chains.length;
  }

  /** Text tokens that `settle` has to place. */
  get unplacedTokens(): number {
    return this.#sequences.slice(this.placed).reduce((sum, sequence) => sum + sequence.tokens, 0);
  }

  /** Brings every sequence of the session into the context. Safe to stop and to call again. */
  async settle(options: PlaceOptions = {}): Promise<void> {
    if (this.placed < this.#sequences.length) this.context.dropLive();
    let done = 0;
    while (this.placed < this.#sequences.length) {
      const before = done;
      const sequence = this.#sequence(this.placed);
      await this.#place(sequence, { ...options, onProgress: (tokens) => options.onProgress?.(before + tokens) });
      done += sequence.tokens;
      options.onProgress?.(done);
    }
  }

  /** Adds a chunk and seals it at once; everything before it must be settled. */
  async addChunk(id: string, text: SequenceText, options: PlaceOptions = {}): Promise<void> {
    this.#sequences.push(this.#newSequence(id, text, this.#options.defaults.independentChunks));
    await this.#place(this.#sequence(this.placed), options);
  }

  /** Adds the exchange that was just answered; it stays live in the context until it is sealed. */
  addExchange(id: string, text: SequenceText): void {
    this.#sequences.push(this.#newSequence(id, text, false));
  }

  /** Forgets the sequences from `count` on, and what is live: a turn that failed. */
  rollBack(count: number): void {
    this.context.dropLive();
    this.#sequences.length = Math.min(count, this.#sequences.length);
    this.#unplaceFrom(count);
  }

  /**
   * Seals what was sealed in haste again by the preferred choice, in order, and keeps the anchors in the store.
   * When it is stopped, `settle` puts back or reads again what is missing.
   */
  async sealInIdle(signal: AbortSignal): Promise<void> {
    const { choice } = this.#options.defaults;
    const isSettled = (sequence: SessionSequence, index: number): boolean =>
      index < this.placed && sequence.choice === choice;
    const first = this.#sequences.findIndex((sequence, index) => !isSettled(sequence, index));
    if (first < 0) return;
    this.context.dropLive();
    for (let index = first; index < this.placed; index++) {
      const { id, independent } = this.#sequence(index);
      if (independent) this.#spare.set(id, this.context.exportAnchors(index));
    }
    this.#unplaceFrom(first);
    while (this.placed < this.#sequences.length) {
      const sequence = this.#sequence(this.placed);
      await this.#sealAndStore({ ...sequence, choice }, { signal });
      this.#spare.delete(sequence.id);
    }
  }

  #newSequence(id: string, text: SequenceText, independent: boolean): SessionSequence {
    const tokens = this.#options.encode(text).length;
    return { id, text, tokens, ratio: this.#options.defaults.ratio, choice: 'stride', independent, anchorKey: null };
  }

  #sequence(index: number): SessionSequence {
    const sequence = this.#sequences[index];
    if (sequence === undefined) throw new RangeError(`There is no sequence ${index}`);
    return sequence;
  }

  /** Places the next sequence by the cheapest way there is. */
  async #place(sequence: SessionSequence, options: PlaceOptions): Promise<void> {
    const { choice } = this.#options.defaults;
    if (choice === 'stride') return this.#sealAndStore({ ...sequence, choice }, options);
    if (await this.#fromStore({ ...sequence, choice })) return;
    const spare = this.#spare.get(sequence.id);
    if (spare !== undefined && (await this.#import(sequence, spare))) return;
    await this.#seal({ ...sequence, choice: 'stride', anchorKey: null }, options);
  }

  async #sealAndStore(sequence: SessionSequence, options: PlaceOptions): Promise<void> {
    if (await this.#fromStore(sequence)) return;
    const kept = { ...sequence, anchorKey: this.#keyOf(sequence) };
    await this.#seal(kept, options);
    this.#options.store.writeAnchors(kept, encodeAnchors(this.context.exportAnchors(this.placed - 1, 'fp16')));
  }

  async #fromStore(sequence: SessionSequence): Promise<boolean> {
    const anchorKey = this.#keyOf(sequence);
    const bytes = this.#options.store.readAnchors(anchorKey);
    const anchors = bytes === undefined ? undefined : decodeAnchors(bytes);
    return anchors !== undefined && (await this.#import({ ...sequence, anchorKey }, anchors));
  }

  /** False when the anchors turn out to be of another model's shape: the text is then read again. */
  async #import(sequence: SessionSequence, anchors: SequenceAnchors): Promise<boolean> {
    try {
      await this.context.importAnchors(anchors);
    } catch (error) {
      if (AnchorageError.is(error, 'invalidInput')) return false;
      throw error;
    }
    this.#isPlaced(sequence);
    return true;
  }

  async #seal(sequence: SessionSequence, options: PlaceOptions): Promise<void> {
    const { ratio, choice, independent } = sequence;
    await this.context.seal(this.#options.encode(sequence.text), { ...options, ratio, choice, independent });
    this.#isPlaced(sequence);
  }

  #isPlaced(sequence: SessionSequence): void {
    const chain = this.#options.keys.after(this.#chain, this.#keyOf(sequence));
    this.#sequences[this.placed] = sequence;
    this.#chains.push(chain);
  }

  get #chain(): string {
    return this.#chains.at(-1) ?? this.#options.keys.start;
  }

  /** Key of the anchors that a sequence would have as the next one. */
  #keyOf(sequence: SessionSequence): string {
    return this.#options.keys.keyOf(this.#chain, this.#options.encode(sequence.text), sequence);
  }

  #unplaceFrom(index: number): void {
    if (index >= this.placed) return;
    this.context.truncateTo(index);
    this.#chains.length = index;
  }
}
