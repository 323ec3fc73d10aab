import { samplingSchema } from '../../src/protocol/sampling.ts';
import { answer } from '../../src/worker/answer.ts';
import type { Model } from '../../src/worker/model.ts';
import type { Sessions } from '../../src/worker/sessions.ts';
import { BenchWorker, type LoadParams } from './benchWorker.ts';
import { median, progress, rounded } from './report.ts';

/** What was measured of a question at the end of the session. */
export interface FirstToken {
  readonly question: string;
  readonly ms: number;
  readonly readAgain: number;
}

const answerTokens = 4;

/** The n-th question: about another place of the session each, so that none is known from before. */
export function questionAt(n: number): string {
  return `What was the part ${3 * n + 2} about, which I gave you to keep in mind?`;
}

export function summary(arm: string, measured: readonly FirstToken[]): object {
  const times = measured.map(({ ms }) => ms);
  progress(`${arm}: ${times.map((ms) => ms.toFixed(0)).join(', ')} ms`);
  return {
    medianMs: rounded(median(times), 3),
    fastestMs: rounded(Math.min(...times), 3),
    questions: measured.length,
    readAgain: measured.reduce((sum, { readAgain }) => sum + readAgain, 0),
  };
}

/** How many times as long as in another arm, question by question: some read text again, and most do not. */
export function over(one: readonly FirstToken[], other: readonly FirstToken[]): number {
  const ratios = one.flatMap(({ question, ms }) => {
    const same = other.find((each) => each.question === question);
    return same === undefined ? [] : [ms / same.ms];
  });
  return rounded(median(ratios), 3);
}

/** A session in this process, each question in the place of the one before it. */
export class LocalSession {
  readonly #sessions: Sessions;
  readonly #model: Model;
  readonly #id: string;

  constructor(sessions: Sessions, model: Model, id: string) {
    this.#sessions = sessions;
    this.#model = model;
    this.#id = id;
  }

  /** @param edits the exchange whose place it takes; null: it is the first one. */
  async ask(question: string, edits: string | null): Promise<FirstToken & { readonly exchangeId: string }> {
    const tokenTimes: number[] = [];
    const listener = { onProgress: () => undefined, onToken: () => void tokenTimes.push(performance.now()) };
    const sampling = samplingSchema.parse({ maxTokens: answerTokens, repetitionPenalty: 1 });
    const request = { task: 'chat', question, attachments: [], sampling, edits } as const;
    const begin = performance.now();
    const { signal } = new AbortController();
    const exchange = await answer(this.#sessions, this.#model, this.#id, request, listener, signal);
    const end = tokenTimes[0] ?? performance.now();
    return { question, ms: end - begin, readAgain: exchange.rehydrated.length, exchangeId: exchange.id };
  }
}

export interface InWorker {
  readonly folder: string;
  readonly load: LoadParams;
  readonly id: string;
  /** The session's last exchange: the first question takes its place. */
  readonly edits: string;
}

/** What was asked in a new worker, and the exchange that is the session's last one now. */
export interface AskedInWorker {
  readonly asked: readonly FirstToken[];
  readonly last: string;
}

/** A whole new worker: the first question comes before anything of the session is in memory, the others then. */
export async function restoreAtOnce(where: InWorker, questions: readonly string[]): Promise<AskedInWorker> {
  const worker = await BenchWorker.start(where.folder, where.load);
  const asked = await askInWorker(worker, where, questions);
  await worker.client.shutdown();
  return asked;
}

/** A whole new worker, in which the session is opened as the chat does when its window opens; asked when all is placed. */
export async function restoreWhenOpened(
  where: InWorker,
  questions: readonly string[],
): Promise<AskedInWorker & { readonly placingMs: number }> {
  const worker = await BenchWorker.start(where.folder, where.load);
  const begin = performance.now();
  await worker.afterIdle(where.id, () => worker.open(where.id));
  const placingMs = performance.now() - begin;
  const asked = await askInWorker(worker, where, questions);
  await worker.client.shutdown();
  return { ...asked, placingMs };
}

async function askInWorker(
  worker: BenchWorker,
  { id, edits }: InWorker,
  questions: readonly string[],
): Promise<AskedInWorker> {
  const asked: FirstToken[] = [];
  let last = edits;
  for (const question of questions) {
    const asking = { question, edits: last, maxTokens: answerTokens };
    const { done } = await worker.afterIdle(id, () => worker.ask(id, asking));
    last = done.exchange.id;
    asked.push({ question, ms: done.firstTokenMs, readAgain: done.exchange.rehydrated.length });
  }
  if (worker.problems.length > 0) throw new Error(worker.problems.join('\n'));
  return { asked, last };
}
