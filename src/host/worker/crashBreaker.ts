/** Decides whether a worker that crashed is started again, and after how long. */
export class CrashBreaker {
  readonly #limit: number;
  readonly #window: number;
  readonly #firstDelay: number;
  readonly #now: () => number;
  #crashes: number[] = [];

  /**
   * @param limit so many crashes within `window` milliseconds are one too many.
   * @param firstDelay milliseconds before the first restart; doubled for each crash within the window.
   */
  constructor({ limit = 3, window = 60_000, firstDelay = 250, now = Date.now } = {}) {
    this.#limit = limit;
    this.#window = window;
    this.#firstDelay = firstDelay;
    this.#now = now;
  }

  /** Counts a crash. Gives the delay before a restart, or null to give up. */
  crashed(): number | null {
    const now = this.#now();
    this.#crashes = [...this.#crashes.filter((time) => now - time < this.#window), now];
    return this.#crashes.length >= this.#limit ? null : this.#firstDelay * 2 ** (this.#crashes.length - 1);
  }

  /** Forgets the crashes: the user has asked for another try. */
  reset(): void {
    this.#crashes = [];
  }
}
