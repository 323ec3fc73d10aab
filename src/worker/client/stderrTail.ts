/** The last characters that a process wrote on its stderr, for the error report when it dies. */
export class StderrTail {
  readonly #limit: number;
  #text = '';

  constructor(limit = 16_384) {
    this.#limit = limit;
  }

  push(text: string): void {
    this.#text = (this.#text + text).slice(-this.#limit);
  }

  /** The last `count` lines that are not empty. */
  lastLines(count: number): string {
    return this.#text
      .split(/\r?\n/)
      .filter((line) => line.trim() !== '')
      .slice(-count)
      .join('\n');
  }
}
