import type { z } from 'zod';
import { globalOptionsSchema } from '../../../src/cli/globalOptions.ts';
import type { GlobalOptions } from '../../../src/cli/globalOptions.ts';
import { ProgressLine } from '../../../src/cli/progressLine.ts';
import type { Requester, Terminal } from '../../../src/cli/terminal.ts';
import { interruptible } from '../../../src/cli/terminal.ts';
import type { SequenceView } from '../../../src/protocol/memory.ts';
import type { Exchange, RequestDefinition, SessionSummary, SessionView } from '../../../src/protocol/worker.ts';

type Answers = Readonly<Record<string, (params: unknown) => unknown>>;

/** A worker that answers by method, and notes what it was asked; both are checked as the protocol has them. */
export class FakeRequester implements Requester {
  readonly asked: { readonly method: string; readonly params: unknown }[] = [];
  readonly #answers: Answers;

  constructor(answers: Answers) {
    this.#answers = answers;
  }

  async request<P extends z.ZodType, R extends z.ZodType>(
    { method, params, result }: RequestDefinition<P, R>,
    given: z.input<P>,
  ): Promise<z.output<R>> {
    const checked = params.parse(given);
    this.asked.push({ method, params: checked });
    const answer = this.#answers[method];
    if (answer === undefined) throw new RangeError(`nobody answers ${method}`);
    return result.parse(answer(checked));
  }

  /** What was asked last, but for looking. */
  get lastChange(): { readonly method: string; readonly params: unknown } | undefined {
    return this.asked.findLast(({ method }) => method !== 'session/open' && method !== 'session/list');
  }
}

export function fakeTerminal(worker: Requester, options: Partial<GlobalOptions> = {}): Terminal {
  return {
    worker,
    progress: new ProgressLine(process.stderr, false),
    options: { ...globalOptionsSchema.parse({}), ...options },
    isInteractive: false,
    onToken: () => {},
    loadModel: () => Promise.reject(new RangeError('there is no model')),
    interruptible,
  };
}

export function summary(id: string, title: string, exchanges = 2): SessionSummary {
  return { id, title, exchanges, updatedAt: Date.UTC(2026, 0, 2, 3, 4) };
}

export function exchange(id: string, question: string, more: Partial<Exchange> = {}): Exchange {
  return {
    id,
    question,
    answer: `About ${question}`,
    attachments: [],
    stopReason: 'endOfText',
    usage: { promptTokens: 9, answerTokens: 4, kvRows: 20, kvRowsFull: 160, prefillMs: 10, decodeMs: 40 },
    rehydrated: [],
    siblings: [id],
    isForgotten: false,
    ...more,
  };
}

export function sequence(id: string, more: Partial<SequenceView> = {}): SequenceView {
  return {
    id,
    kind: 'exchange',
    state: 'anchored',
    label: `Text of ${id}`,
    pinned: false,
    isWanted: false,
    textTokens: 80,
    rows: 10,
    ratio: 8,
    bytes: 460_800,
    ...more,
  };
}

export function session(exchanges: Exchange[], sequences: SequenceView[]): SessionView {
  const memory = {
    sessionId: 'aaaa1111-x',
    textTokens: 1000,
    kvRows: 200,
    kvRowsFull: 1000,
    kvBytes: 9_216_000,
    kvBytesFull: 46_080_000,
    budgetUsed: 12_340_000,
    budget: 256_000_000,
    budgetLargest: 12_340_000,
    sequences,
  };
  return { id: 'aaaa1111-x', title: 'Lending', exchanges, memory };
}
