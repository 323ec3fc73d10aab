import { randomUUID } from 'node:crypto';
import { AnchorageError } from '../../protocol/errors.ts';
import type { Sampling } from '../../protocol/sampling.ts';
import { askRequest, createSessionRequest, openSessionRequest } from '../../protocol/worker.ts';
import type { Attachment, Exchange, SessionView } from '../../protocol/worker.ts';
import { footer } from '../footer.ts';
import { write } from '../terminal.ts';
import type { Terminal } from '../terminal.ts';
import type { ChatInput } from './chatInput.ts';

type Input = Pick<ChatInput, 'isTerminal' | 'draft' | 'next' | 'interruptible'>;

/** A chat in the terminal: which session it is in, and what goes along with the next question. */
export class Conversation {
  readonly terminal: Terminal;
  readonly input: Input;
  readonly attachments: Attachment[] = [];
  readonly #sampling: Sampling;
  #sessionId: string;

  constructor(terminal: Terminal, input: Input, sessionId: string, sampling: Sampling) {
    this.terminal = terminal;
    this.input = input;
    this.#sessionId = sessionId;
    this.#sampling = sampling;
  }

  get sessionId(): string {
    return this.#sessionId;
  }

  /** The session as it is now. */
  view(): Promise<SessionView> {
    return this.terminal.worker.request(openSessionRequest, { sessionId: this.#sessionId });
  }

  async beginNew(): Promise<void> {
    this.#sessionId = (await this.terminal.worker.request(createSessionRequest, { ephemeral: false })).id;
    this.attachments.length = 0;
  }

  /** @throws AnchorageError `invalidInput` unless there is such an exchange, numbered from 1, with its text. */
  async exchange(number: number): Promise<Exchange> {
    const { exchanges } = await this.view();
    const exchange = exchanges[number - 1];
    if (exchange === undefined) {
      const known = exchanges.length === 0 ? 'It has none yet.' : `They are numbered from 1 to ${exchanges.length}.`;
      throw new AnchorageError('invalidInput', `The session has no exchange ${number}.`, known);
    }
    if (exchange.isForgotten) {
      throw new AnchorageError('invalidInput', `Exchange ${number} is forgotten.`, 'Choose another one: see /show.');
    }
    return exchange;
  }

  /** Asks, writes the answer as it comes, and its footer. With `edits` an exchange is asked anew in its place. */
  async ask(question: string, edits: string | null = null): Promise<void> {
    const { options, progress, worker } = this.terminal;
    let pending = Promise.resolve();
    this.terminal.onToken = (text) => {
      progress.clear();
      if (!options.json) pending = pending.then(() => write(process.stdout, text));
    };
    const request = {
      requestId: randomUUID(),
      sessionId: this.#sessionId,
      task: 'chat' as const,
      question,
      attachments: [...this.attachments],
      edits,
      sampling: this.#sampling,
    };
    const result = await this.input.interruptible((signal) => worker.request(askRequest, request, { signal }));
    await pending;
    await write(process.stdout, options.json ? `${JSON.stringify(result)}\n` : '\n');
    if (!options.quiet && !options.json) progress.note(footer(result.exchange));
    this.attachments.length = 0;
  }
}
