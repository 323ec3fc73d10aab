/** Finds stop strings in streamed text, also where they span tokens, and holds back what may still become one. */
export class StopStrings {
  readonly #stops: readonly string[];
  #held = '';

  constructor(stops: readonly string[]) {
    this.#stops = stops;
  }

  /** Takes the next text and gives what is certainly not part of a stop string; `stopped` when one was found. */
  push(text: string): { readonly text: string; readonly stopped: boolean } {
    this.#held += text;
    const found = this.#stops.map((stop) => this.#held.indexOf(stop)).filter((index) => index >= 0);
    if (found.length > 0) {
      const before = this.#held.slice(0, Math.min(...found));
      this.#held = '';
      return { text: before, stopped: true };
    }
    const keep = Math.max(0, ...this.#stops.map((stop) => this.#overlap(stop)));
    const free = this.#held.slice(0, this.#held.length - keep);
    this.#held = this.#held.slice(this.#held.length - keep);
    return { text: free, stopped: false };
  }

  /** The text held back, when nothing more comes. */
  flush(): string {
    const rest = this.#held;
    this.#held = '';
    return rest;
  }

  /** Length of the longest proper start of `stop` at the end of the held text. */
  #overlap(stop: string): number {
    for (let length = Math.min(stop.length - 1, this.#held.length); length > 0; length--) {
      if (this.#held.endsWith(stop.slice(0, length))) return length;
    }
    return 0;
  }
}
