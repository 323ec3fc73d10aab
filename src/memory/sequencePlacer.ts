import type { AnchorPrecision, SequenceAnchors } from '../engine/sealedSequence.ts';
import type { Choice } from '../protocol/anchorConfig.ts';
import { AnchorageError } from '../protocol/errors.ts';
import { decodeAnchors, encodeAnchors } from './anchorBlob.ts';
import type { AnchorKeys } from './anchorKey.ts';
import type { DecoderContext } from './decoderContext.ts';
import { PlacedSequences } from './placedSequences.ts';
import type { SequenceText, SessionSequence } from './sessionSequence.ts';

/** How sequences are sealed unless one says otherwise. */
export interface SealDefaults {
  readonly ratio: number;
  readonly choice: Choice;
  /** File chunks are read seeing only the pinned prefix. */
  readonly independentChunks: boolean;
  /** Ratios that the package was trained for. */
  readonly ratios: readonly number[];
}

export interface PlaceOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called with the tokens placed so far. */
  readonly onProgress?: ((tokens: number) => void) | undefined;
  /** The sequences are not in the store yet, so their anchors are not kept there. */
  readonly areNew?: boolean | undefined;
}

export interface SequencePlacerOptions {
  readonly context: DecoderContext;
  readonly keys: AnchorKeys;
  readonly readAnchors: (key: string) => Uint8Array | undefined;
  readonly defaults: SealDefaults;
  /** Tokens of a sequence, as the model reads it. */
  readonly encode: (text: SequenceText) => readonly number[];
}

/** A sequence that was placed, as it is held now; with the bytes of its anchors where they are to be stored. */
export interface Placing {
  readonly sequence: SessionSequence;
  readonly made: { readonly key: string; readonly bytes: Uint8Array } | null;
}

/** How anchors are stored, and held: see docs/measurements/stored.json for what it costs. */
export const storedPrecision: AnchorPrecision = 'int8';

/**
 * Brings sequences into an engine context one after another: from stored anchors, or by reading their text. Anchors that
 * are stored are held as they were stored, rounding included, so that a session that was closed goes on exactly as one
 * that was not.
 */
export class SequencePlacer {
  readonly #options: SequencePlacerOptions;
  readonly #placed: PlacedSequences;

  constructor(options: SequencePlacerOptions) {
    this.#options = options;
    this.#placed = new PlacedSequences(options.keys);
  }

  /** Sequences that the context holds as anchors. */
  get count(): number {
    return this.#placed.count;
  }

  /** Place in the context; -1 for a sequence that is not held as anchors. */
  indexOf(id: string): number {
    return this.#placed.indexOf(id);
  }

  tokensOf({ text }: SessionSequence): readonly number[] {
    return this.#options.encode(text);
  }

  /** Whether a sequence is held as the anchors that are stored for it. */
  isStored({ id, anchorKey }: SessionSequence): boolean {
    return anchorKey !== null && this.#placed.anchorKeyAt(this.indexOf(id)) === anchorKey;
  }

  /** Key of the anchors that a sequence would have as the next one. */
  keyOf(sequence: SessionSequence): string {
    return this.#options.keys.keyOf(this.#placed.chain, this.tokensOf(sequence), sequence);
  }

  /** Places the next sequence by the cheapest way there is: stored anchors, else its text with the choice that costs nothing. */
  async place(sequence: SessionSequence, options: PlaceOptions): Promise<Placing> {
    const { choice, ratios, ratio: usual } = this.#options.defaults;
    const known = await this.placeStored(sequence, sequence.anchorKey);
    if (known !== null) return known;
    const preferred = { ...sequence, choice, ratio: ratios.includes(sequence.ratio) ? sequence.ratio : usual };
    const stored = await this.placeStored(preferred);
    if (stored !== null) return stored;
    if (choice === 'stride' && options.areNew !== true) return this.seal(preferred, options);
    const hasty: SessionSequence = { ...preferred, choice: 'stride', anchorKey: null };
    const key = this.keyOf(hasty);
    await this.#read(hasty, options);
    this.#placed.push(hasty.id, key, false);
    return { sequence: hasty, made: null };
  }

  /** Places the next sequence from the store, under the key that it was stored with or would be; null if it is not there. */
  async placeStored(sequence: SessionSequence, key: string | null = this.keyOf(sequence)): Promise<Placing | null> {
    if (key === null || !this.#options.keys.owns(key)) return null;
    const bytes = this.#options.readAnchors(key);
    const anchors = bytes === undefined ? undefined : decodeAnchors(bytes);
    if (anchors === undefined || !(await this.#import(anchors))) return null;
    this.#placed.push(sequence.id, key, true);
    return { sequence: { ...sequence, anchorKey: key }, made: null };
  }

  /** Reads the next sequence's text, and holds its anchors as they are to be stored. */
  async seal(sequence: SessionSequence, options: PlaceOptions): Promise<Placing> {
    const key = this.keyOf(sequence);
    await this.#read(sequence, options);
    const { context } = this.#options;
    const index = this.#placed.count;
    const bytes = encodeAnchors(await context.exportAnchors(index, storedPrecision));
    const stored = decodeAnchors(bytes);
    context.truncateTo(index);
    if (stored === undefined || !(await this.#import(stored))) {
      throw new AnchorageError('internal', 'Anchors that were just made cannot be read again.');
    }
    this.#placed.push(sequence.id, key, true);
    return { sequence: { ...sequence, anchorKey: key }, made: { key, bytes } };
  }

  /** Takes one sequence out of the context, if it is there. */
  async drop(id: string): Promise<void> {
    const index = this.indexOf(id);
    if (index < 0) return;
    await this.#options.context.drop(index);
    this.#placed.remove(index);
  }

  /** Takes the sequences from the context's `index`-th on out of it. */
  truncate(index: number): void {
    if (index >= this.count) return;
    this.#options.context.truncateTo(index);
    this.#placed.truncate(index);
  }

  /** False when the anchors turn out to be of another model's shape: the text is then read again. */
  async #import(anchors: SequenceAnchors): Promise<boolean> {
    try {
      await this.#options.context.importAnchors(anchors);
      return true;
    } catch (error) {
      if (AnchorageError.is(error, 'invalidInput')) return false;
      throw error;
    }
  }

  async #read(sequence: SessionSequence, { signal, onProgress }: PlaceOptions): Promise<void> {
    const { ratio, choice, independent } = sequence;
    await this.#options.context.seal(this.tokensOf(sequence), { signal, onProgress, ratio, choice, independent });
  }
}
