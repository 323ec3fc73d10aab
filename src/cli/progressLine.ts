/** Milliseconds between the lines of one stage where they stay. */
const lineInterval = 3000;

/** Progress on stderr: one line that is written over on a terminal; elsewhere plain lines, at most one every 3 s. */
export class ProgressLine {
  readonly #stream: NodeJS.WriteStream;
  readonly #isQuiet: boolean;
  #isShown = false;
  #stage = '';
  #lastLine = 0;

  constructor(stream: NodeJS.WriteStream, isQuiet: boolean) {
    this.#stream = stream;
    this.#isQuiet = isQuiet;
  }

  /** @param total 0 where it is not known. */
  show(stage: string, done: number, total: number, unit: string): void {
    if (this.#isQuiet) return;
    const amount =
      total > 0 ? ` ${Math.round(done)}/${Math.round(total)} ${unit}`.trimEnd() : done > 0 ? ` ${done}` : '';
    if (this.#stream.isTTY) {
      this.#stream.write(`\r\u001b[K${`${stage}${amount}`.slice(0, Math.max(20, (this.#stream.columns || 80) - 1))}`);
      this.#isShown = true;
      return;
    }
    const now = performance.now();
    if (stage === this.#stage && now - this.#lastLine < lineInterval) return;
    this.#stage = stage;
    this.#lastLine = now;
    this.#stream.write(`${stage}${amount}\n`);
  }

  /** Takes the line away, so that other text can be written. */
  clear(): void {
    if (this.#isShown) this.#stream.write('\r\u001b[K');
    this.#isShown = false;
  }

  /** A line that stays. */
  note(text: string): void {
    this.clear();
    this.#stream.write(`${text}\n`);
  }
}
