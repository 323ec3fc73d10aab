const limit = 50;

/** Questions asked before, walked with the arrow keys; the draft waits at the newer end. */
export class InputHistory {
  #entries: readonly string[];
  /** The entry shown; `#entries.length` is the draft. */
  #index: number;
  #draft = '';

  constructor(entries: readonly string[]) {
    this.#entries = entries.slice(-limit);
    this.#index = this.#entries.length;
  }

  get entries(): readonly string[] {
    return this.#entries;
  }

  /** Keeps a question as the newest. */
  add(question: string): void {
    this.#entries = [...this.#entries.filter((entry) => entry !== question), question].slice(-limit);
    this.#index = this.#entries.length;
  }

  /** The question before the one shown, null if there is none. `current` is the input's text. */
  older(current: string): string | null {
    if (this.#index === 0) {
      return null;
    }
    if (this.#index === this.#entries.length) {
      this.#draft = current;
    }
    this.#index -= 1;
    return this.#entries[this.#index] ?? null;
  }

  /** The question after the one shown, or the draft; null if the draft is shown already. */
  newer(): string | null {
    if (this.#index === this.#entries.length) {
      return null;
    }
    this.#index += 1;
    return this.#entries[this.#index] ?? this.#draft;
  }
}
