import type { Holding, SessionSequence } from './sessionSequence.ts';
import type { HeldSequence } from './sessionStore.ts';

/** The sequences of the branch of a session that is shown, in order. How they are held changes; every change is written. */
export class SequenceList {
  readonly #write: (held: readonly HeldSequence[]) => void;
  /** Replaced, never changed: what was given out stays as it was. */
  #sequences: readonly SessionSequence[];
  /** Ids of sequences whose change is still to be written. */
  #unwritten = new Set<string>();

  /** @param write told of sequences that are held otherwise than before. */
  constructor(sequences: readonly SessionSequence[], write: (held: readonly HeldSequence[]) => void) {
    this.#sequences = sequences;
    this.#write = write;
  }

  get all(): readonly SessionSequence[] {
    return this.#sequences;
  }

  /** Those that are to be in the context. */
  get held(): readonly SessionSequence[] {
    return this.#sequences.filter(({ spilled }) => !spilled);
  }

  /** Tokens of all text. */
  get tokens(): number {
    return this.#sequences.reduce((sum, { tokens }) => sum + tokens, 0);
  }

  get exchanges(): number {
    return this.#sequences.filter(({ text }) => text.kind === 'exchange').length;
  }

  /** @throws RangeError for a sequence that is not there. */
  get(id: string): SessionSequence {
    const sequence = this.#sequences.find((each) => each.id === id);
    if (sequence === undefined) throw new RangeError(`There is no sequence ${id}`);
    return sequence;
  }

  push(...sequences: readonly SessionSequence[]): void {
    this.#sequences = [...this.#sequences, ...sequences];
  }

  /** Takes another list; gives those that are not at its beginning as well. */
  follow(sequences: readonly SessionSequence[]): SessionSequence[] {
    const differs = this.#sequences.findIndex(({ id }, index) => sequences[index]?.id !== id);
    const common = differs < 0 ? this.#sequences.length : differs;
    const left = this.#sequences.slice(common);
    this.#sequences = [...this.#sequences.slice(0, common), ...sequences.slice(common)];
    return left;
  }

  /** Puts a sequence in the place of the one with its id, without a word to the store. */
  put(sequence: SessionSequence): void {
    this.#sequences = this.#sequences.map((other) => (other.id === sequence.id ? sequence : other));
  }

  /** Changes how sequences are held; `changes` gives null for those that stay as they are. */
  change(changes: (sequence: SessionSequence) => Partial<Holding> | null): void {
    this.changeUnwritten(changes);
    this.writeChanges();
  }

  /** As `change`, for what can wait for `writeChanges`, and may be lost where that never comes. */
  changeUnwritten(changes: (sequence: SessionSequence) => Partial<Holding> | null): void {
    this.#sequences = this.#sequences.map((sequence) => {
      const change = changes(sequence);
      if (change === null) return sequence;
      this.#unwritten.add(sequence.id);
      return { ...sequence, ...change };
    });
  }

  writeChanges(): void {
    if (this.#unwritten.size === 0) return;
    const changed = this.#sequences.filter(({ id }) => this.#unwritten.has(id));
    this.#unwritten = new Set();
    this.#write(changed.map(heldSequence));
  }
}

export function heldSequence({ id, ...sequence }: SessionSequence): HeldSequence {
  const { ratio, choice, anchorKey, spilled, pinned, attention, usedAt } = sequence;
  return { id, holding: { ratio, choice, anchorKey, spilled, pinned, attention, usedAt } };
}
