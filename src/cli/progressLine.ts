/** Progress on stderr: one line that is written over on a terminal, plain lines elsewhere, a few of each stage. */
export class ProgressLine {
  readonly #stream: NodeJS.WriteStream;
  readonly #isQuiet: boolean;
  #isShown = false;
  #stage = '';
  #lastQuarter = -1;

  constructor(stream: NodeJS.WriteStream, isQuiet: boolean) {
    this.#stream = stream;
    this.#isQuiet = isQuiet;
  }

  /** @param total 0 where it is not known. */
  show(stage: string, done: number, total: number, unit: string): void {
    if (this.#isQuiet) return;
    const amount = total > 0 ? ` ${Math.round(done)}/${Math.round(total)} ${unit}` : '';
    if (this.#stream.isTTY) {
      this.#stream.write(`\r\u001b[K${`${stage}${amount}`.slice(0, Math.max(20, this.#stream.columns - 1))}`);
      this.#isShown = true;
      return;
    }
    const quarter = total > 0 ? Math.floor((done / total) * 4) : 0;
    if (stage === this.#stage && quarter === this.#lastQuarter) return;
    this.#stage = stage;
    this.#lastQuarter = quarter;
    this.#stream.write(`${stage}${amount}\n`);
  }

  /** Takes the line away, so that other text can be written. */
  clear(): void {
    if (this.#isShown) this.#stream.write('\r\u001b[K');
    this.#isShown = false;
    this.#stage = '';
  }

  /** A line that stays. */
  note(text: string): void {
    this.clear();
    this.#stream.write(`${text}\n`);
  }
}
