import type { BenchWorker } from './benchWorker.ts';
import type { FlatSample } from './flatSummary.ts';
import type { FlatTurn } from './flatTurns.ts';
import { residentBytes } from './processMemory.ts';

export interface ConversationOptions {
  readonly turns: readonly FlatTurn[];
  /** Longest answer in tokens. */
  readonly maxTokens: number;
}

/** A session whose turns are asked one by one, each once the idle work of the one before is done. */
export class FlatConversation {
  readonly samples: FlatSample[] = [];
  /** Tokens of all that was said. */
  textTokens = 0;
  /** Most bytes of the budget that were ever taken, by all sessions. */
  largest = 0;
  readonly #worker: BenchWorker;
  readonly #sessionId: string;
  readonly #options: ConversationOptions;
  #rows = 0;

  private constructor(worker: BenchWorker, sessionId: string, options: ConversationOptions) {
    this.#worker = worker;
    this.#sessionId = sessionId;
    this.#options = options;
  }

  static async start(worker: BenchWorker, options: ConversationOptions): Promise<FlatConversation> {
    return new FlatConversation(worker, await worker.createSession(), options);
  }

  /** @throws RangeError where there is no turn left. */
  async next(): Promise<void> {
    const turn = this.#options.turns[this.samples.length];
    if (turn === undefined) throw new RangeError('There is no turn left.');
    const { done, view } = await this.#worker.afterIdle(this.#sessionId, () =>
      this.#worker.ask(this.#sessionId, { question: turn.question, maxTokens: this.#options.maxTokens }),
    );
    const { usage, stopReason, rehydrated } = done.exchange;
    // The first token comes of the question; the one that ends an answer is decoded and not counted.
    const decoded = usage.answerTokens - (stopReason === 'endOfText' ? 0 : 1);
    const { pid } = this.#worker.client;
    const rss = pid === undefined ? null : residentBytes(pid);
    this.samples.push({
      kind: turn.kind,
      firstTokenMs: done.firstTokenMs,
      decodeMs: decoded < 1 ? null : usage.decodeMs / decoded,
      turnMs: done.totalMs,
      rows: this.#rows,
      readTokens: usage.promptTokens + rehydrated.reduce((sum, { tokens }) => sum + tokens, 0),
      readAgain: rehydrated.length,
      budgetUsedMB: view.budgetUsed / 1e6,
      rssMB: rss === null ? null : rss / 1e6,
    });
    this.#rows = view.kvRows;
    this.textTokens = view.textTokens;
    this.largest = Math.max(this.largest, view.budgetLargest);
  }
}
