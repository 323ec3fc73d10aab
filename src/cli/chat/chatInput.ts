import { createInterface } from 'node:readline/promises';
import type { Interface } from 'node:readline/promises';

const prompt = '> ';

/** Lines of stdin, each asked for by a prompt on stderr. Ctrl-C at the prompt ends the input. */
export class ChatInput {
  readonly #input: Interface;
  readonly #lines: AsyncIterator<string>;
  #isOpen = true;
  #draft = '';

  constructor() {
    this.#input = createInterface({ input: process.stdin, output: process.stderr, prompt });
    this.#input.once('close', () => (this.#isOpen = false));
    this.#input.once('SIGINT', () => this.#input.close());
    this.#lines = this.#input[Symbol.asyncIterator]();
  }

  /** Whether somebody sits before it, who can go on with a draft. */
  get isTerminal(): boolean {
    return process.stdin.isTTY;
  }

  /** What stands on the next line already, to be changed and sent. */
  set draft(text: string) {
    this.#draft = text.replaceAll(/\s+/g, ' ');
  }

  /** The next line; null at the end of the input. */
  async next(question = prompt): Promise<string | null> {
    // Input from a pipe ends long before its last line is answered.
    if (this.#isOpen) {
      this.#input.setPrompt(question);
      this.#input.prompt();
      if (this.#draft !== '') this.#input.write(this.#draft);
      this.#draft = '';
    }
    const line = await this.#lines.next();
    return line.done === true ? null : line.value;
  }

  /** Runs `work` with a signal that Ctrl-C aborts in place of ending the input. */
  async interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const abort = new AbortController();
    const stop = (): void => abort.abort();
    // On a terminal readline takes Ctrl-C; elsewhere it comes as a signal.
    this.#input.removeAllListeners('SIGINT').on('SIGINT', stop);
    process.on('SIGINT', stop);
    try {
      return await work(abort.signal);
    } finally {
      process.off('SIGINT', stop);
      this.#input.removeAllListeners('SIGINT').once('SIGINT', () => this.#input.close());
    }
  }

  close(): void {
    this.#input.close();
  }
}
