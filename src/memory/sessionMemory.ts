import type { DecoderContext } from './decoderContext.ts';
import { rowsHeld } from './holdingPlan.ts';
import { salience } from './salience.ts';
import { heldSequence, SequenceList } from './sequenceList.ts';
import { SequencePlacer, type PlaceOptions, type Placing, type SequencePlacerOptions } from './sequencePlacer.ts';
import type { SequenceText, SessionSequence } from './sessionSequence.ts';
import { SessionRoom, type SessionRoomOptions } from './sessionRoom.ts';
import type { HeldSequence } from './sessionStore.ts';

/** The part of a store that one session's memory needs. */
export interface HoldingStore {
  /** Whether what is written can be read again. */
  readonly keepsAnchors: boolean;
  readAnchors(key: string): Uint8Array | undefined;
  hasAnchors(key: string): boolean;
  write(held: readonly HeldSequence[], anchors?: readonly { readonly key: string; readonly bytes: Uint8Array }[]): void;
}

export interface SessionMemoryOptions extends Omit<SequencePlacerOptions, 'readAnchors'>, SessionRoomOptions {
  readonly store: HoldingStore;
  /** Rows that work in idle time needs beside the anchors. */
  readonly workRows: number;
  readonly sequences: readonly SessionSequence[];
}

/** Weight of the last question in a sequence's mean attention. */
const attentionShare = 0.2;

/**
 * Keeps a session's sequences in an engine context: those that are not spilled, in their order.
 *
 * The list of sequences is the truth and the context follows it: `fit` spills what there is no room for, `settle` places
 * what is not there yet, from stored anchors where they are to be had, else by reading the text again with the choice
 * that costs nothing (`stride`). The last exchange stays live, that is whole, until it is sealed.
 */
export class SessionMemory {
  readonly #options: SessionMemoryOptions;
  readonly #list: SequenceList;
  readonly #placer: SequencePlacer;
  readonly #room: SessionRoom;
  readonly #wanted = new Set<string>();
  /** Sequences that stand whole after those placed, for the answer under way. */
  #rehydrated: string[] = [];

  constructor(options: SessionMemoryOptions) {
    this.#options = options;
    this.#list = new SequenceList(options.sequences, (held) => options.store.write(held));
    this.#placer = new SequencePlacer({ ...options, readAnchors: (key) => options.store.readAnchors(key) });
    this.#room = new SessionRoom(options, this.#list, this.#placer);
  }

  get context(): DecoderContext {
    return this.#options.context;
  }

  get defaults(): SessionMemoryOptions['defaults'] {
    return this.#options.defaults;
  }

  get keepsAnchors(): boolean {
    return this.#options.store.keepsAnchors;
  }

  get workRows(): number {
    return this.#options.workRows;
  }

  get sequences(): readonly SessionSequence[] {
    return this.#list.all;
  }

  /** Sequences whose text is to be read again for the next question, as the user wants. */
  get wanted(): ReadonlySet<string> {
    return this.#wanted;
  }

  /** Sequences whose text stands in the context for the last answer. */
  get rehydrated(): readonly string[] {
    return this.#rehydrated;
  }

  /** Tokens of all that was said and attached, and of the pinned prefix. */
  get textTokens(): number {
    return this.#list.tokens + this.context.pinned.length;
  }

  /** Text tokens that `settle` has to place. */
  get unplacedTokens(): number {
    return this.#unplaced().reduce((sum, sequence) => sum + sequence.tokens, 0);
  }

  /** Sequences that the context holds as anchors. */
  get placedCount(): number {
    return this.#placer.count;
  }

  /** Place in the context of a sequence that is held as anchors; -1 for another. */
  placeOf(id: string): number {
    return this.#placer.indexOf(id);
  }

  /** @throws RangeError for a sequence that is not the session's. */
  sequence(id: string): SessionSequence {
    return this.#list.get(id);
  }

  tokensOf(sequence: SessionSequence): readonly number[] {
    return this.#placer.tokensOf(sequence);
  }

  /** Adds chunks, to be placed by `settle`. */
  addChunks(chunks: readonly { readonly id: string; readonly text: SequenceText }[]): void {
    this.leaveTurn();
    this.#list.push(...chunks.map(({ id, text }) => this.#newSequence(id, text, this.defaults.independentChunks)));
  }

  /** Adds the exchange that was just answered; it stays live in the context until it is sealed. */
  addExchange(id: string, text: SequenceText): void {
    this.#list.push(this.#newSequence(id, text, false));
  }

  /** Goes over to another list of sequences; the anchors of those that both begin with stay. */
  follow(sequences: readonly SessionSequence[]): void {
    this.leaveTurn();
    const left = this.#list.follow(sequences);
    const first = left.map(({ id }) => this.placeOf(id)).find((index) => index >= 0);
    if (first !== undefined) this.unplaceFrom(first);
  }

  /** Spills sequences until there is room for what is to be placed, and `rows` more (`SessionRoom`). */
  async fit(rows: number): Promise<void> {
    this.leaveTurn();
    await this.#room.fit(rows);
  }

  /** Brings every sequence that is not spilled into the context. Safe to stop and to call again. */
  async settle(options: PlaceOptions = {}): Promise<void> {
    const unplaced = this.#unplaced();
    if (unplaced.length > 0) this.leaveTurn();
    await this.context.makeRoom(rowsHeld(unplaced));
    let done = 0;
    for (let [next] = this.#unplaced(); next !== undefined; [next] = this.#unplaced()) {
      const before = done;
      await this.place(next, { ...options, onProgress: (tokens) => options.onProgress?.(before + tokens) });
      done += next.tokens;
      options.onProgress?.(done);
    }
  }

  /** Reads sequences' text again, whole, for the question that comes next. */
  async rehydrate(sequences: readonly SessionSequence[], options: PlaceOptions = {}): Promise<void> {
    for (const sequence of sequences) {
      await this.context.keepWhole(this.tokensOf(sequence), { signal: options.signal });
      this.#rehydrated.push(sequence.id);
      this.#wanted.delete(sequence.id);
    }
    const isRead = new Set(this.#rehydrated);
    this.#list.change(({ id }) => (isRead.has(id) ? { usedAt: this.#list.exchanges } : null));
  }

  /**
   * Reads a question, up to where its answer begins.
   *
   * @param head tokens of it that are markup, the same for every question.
   * @returns how salient each sequence that is held is to the question (`salience`), by id.
   */
  async readQuestion(
    tokens: readonly number[],
    head: number,
    { signal, onProgress }: PlaceOptions = {},
  ): Promise<ReadonlyMap<string, number>> {
    const { context } = this;
    await context.read(tokens.slice(0, head), { logits: 'none', signal, wantAttention: true });
    const before = context.attention;
    const onRead = (done: number): void => onProgress?.(head + done);
    await context.read(tokens.slice(head), { logits: 'last', signal, onProgress: onRead, wantAttention: true });
    const received = salience(before, context.attention);
    const byId = new Map<string, number>();
    for (const { id } of this.#list.all) {
      const place = this.placeOf(id);
      if (place >= 0) byId.set(id, received[place] ?? 0);
    }
    return byId;
  }

  /** Takes over how salient each sequence was to a question; all of them change, so it is written when nobody waits. */
  noteAttention(received: ReadonlyMap<string, number>): void {
    this.#list.changeUnwritten(({ id, attention }) => {
      const share = received.get(id);
      if (share === undefined) return null;
      return { attention: rounded(attention * (1 - attentionShare) + share * attentionShare) };
    });
  }

  /** Writes what was noted of how sequences are held. */
  writeNotes(): void {
    this.#list.writeChanges();
  }

  setPinned(id: string, pinned: boolean): void {
    this.#list.change((sequence) => (sequence.id === id ? { pinned } : null));
  }

  setWanted(id: string, isWanted: boolean): void {
    if (isWanted) this.#wanted.add(id);
    else this.#wanted.delete(id);
  }

  /** Drops the live exchange and what was rehydrated for it. */
  leaveTurn(): void {
    this.context.dropLive();
    this.context.truncateTo(this.placedCount);
    this.#rehydrated = [];
  }

  /** Takes the sequences from the context's `index`-th on out of it; they stay in the session. */
  unplaceFrom(index: number): void {
    this.#placer.truncate(index);
  }

  /** Key of the anchors that a sequence would have as the next one. */
  keyOf(sequence: SessionSequence): string {
    return this.#placer.keyOf(sequence);
  }

  hasStored(key: string): boolean {
    return this.#options.store.hasAnchors(key);
  }

  /** Whether a sequence is held as the anchors that are stored for it. */
  isStored(sequence: SessionSequence): boolean {
    return this.#placer.isStored(sequence);
  }

  /** Whether a sequence is held as the anchors that are stored for it, or can be placed from them. */
  isSealed(sequence: SessionSequence): boolean {
    if (this.placeOf(sequence.id) >= 0) return this.isStored(sequence);
    const { anchorKey } = sequence;
    return anchorKey !== null && this.#options.keys.owns(anchorKey) && this.hasStored(anchorKey);
  }

  /** Places the next sequence by the cheapest way there is. */
  async place(sequence: SessionSequence, options: PlaceOptions): Promise<void> {
    this.#keep(await this.#placer.place(sequence, options));
  }

  /** Places the next sequence from the store, else by reading it as it says, and keeps its anchors there. */
  async placeSealed(sequence: SessionSequence, options: PlaceOptions): Promise<void> {
    this.#keep((await this.#placer.placeStored(sequence)) ?? (await this.#placer.seal(sequence, options)));
  }

  /** Notes that a sequence is to be held as the anchors of `key`; those in the context stay as they are. */
  note(sequence: SessionSequence, key: string, bytes: Uint8Array): void {
    this.#keep({ sequence: { ...sequence, anchorKey: key }, made: { key, bytes } });
  }

  #keep({ sequence, made }: Placing): void {
    this.#list.put(sequence);
    if (made !== null) this.#options.store.write([heldSequence(sequence)], [made]);
  }

  #newSequence(id: string, text: SequenceText, independent: boolean): SessionSequence {
    const tokens = this.#options.encode(text).length;
    const holding = { ratio: this.defaults.ratio, choice: 'stride', anchorKey: null, spilled: false } as const;
    return { id, text, tokens, independent, ...holding, pinned: false, attention: 1, usedAt: this.#list.exchanges };
  }

  #unplaced(): readonly SessionSequence[] {
    return this.#list.held.slice(this.placedCount);
  }
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}
