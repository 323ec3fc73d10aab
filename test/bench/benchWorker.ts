import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { z } from 'zod';
import type { MemoryView } from '../../src/protocol/memory.ts';
import { samplingSchema } from '../../src/protocol/sampling.ts';
import {
  askRequest,
  createSessionRequest,
  loadModelRequest,
  openSessionRequest,
  type Attachment,
  type Exchange,
} from '../../src/protocol/worker.ts';
import { WorkerClient, type WorkerClientOptions } from '../../src/worker/client/workerClient.ts';
import { defaultHeldRows } from '../../src/protocol/worker.ts';
import { builtInPackage, repository } from './report.ts';

export type LoadParams = z.input<typeof loadModelRequest.params>;

export const workerScript = join(repository, 'src', 'worker', 'main.ts');

/** The built-in model as the extension loads it; what a measurement is about is replaced. */
export const builtInLoad: LoadParams = {
  packageFolder: builtInPackage,
  variant: 'int8',
  executionProvider: 'cpu',
  ratio: null,
  choice: null,
  threads: 0,
  budgetMB: 256,
  rereadTokens: 512,
  heldRows: defaultHeldRows,
};

export interface Question {
  readonly question: string;
  readonly attachments?: readonly Attachment[];
  readonly edits?: string | null;
  readonly maxTokens: number;
}

export interface Asked {
  readonly exchange: Exchange;
  readonly memory: MemoryView;
  /** From asking to the first text that came, as a client sees it; the whole time where none came. */
  readonly firstTokenMs: number;
  readonly totalMs: number;
}

interface Waiting {
  readonly resolve: (view: MemoryView) => void;
  readonly reject: (error: Error) => void;
}

/** A worker process with a model, as the editor has one. */
export class BenchWorker {
  readonly client: WorkerClient;
  /** What went wrong without failing a request: a store that cannot be written, work in idle time that failed. */
  readonly problems: readonly string[];
  readonly #firstText: Map<string, number>;
  /** By session: who waits for the end of its work in idle time. */
  readonly #waiting: Map<string, Waiting>;

  private constructor(
    client: WorkerClient,
    problems: readonly string[],
    firstText: Map<string, number>,
    waiting: Map<string, Waiting>,
  ) {
    this.client = client;
    this.problems = problems;
    this.#firstText = firstText;
    this.#waiting = waiting;
  }

  /** @throws AnchorageError as `WorkerClient` does, and when the folder's sessions were not opened as they were left. */
  static async start(
    storageFolder: string | null,
    load: LoadParams,
    options: Partial<WorkerClientOptions> = {},
  ): Promise<BenchWorker> {
    const problems: string[] = [];
    const firstText = new Map<string, number>();
    const waiting = new Map<string, Waiting>();
    const client = await WorkerClient.start({
      workerPath: workerScript,
      client: 'bench',
      storageFolder,
      handshakeTimeout: 120_000,
      ...options,
      listener: {
        onToken: ({ requestId }) => {
          if (!firstText.has(requestId)) firstText.set(requestId, performance.now());
        },
        onMemoryChanged: (view) => {
          waiting.get(view.sessionId)?.resolve(view);
          waiting.delete(view.sessionId);
        },
        onStorageChanged: ({ problem }) => {
          if (problem !== null) problems.push(problem);
        },
        onLog: ({ level, message }) => {
          if (level !== 'error') return;
          problems.push(message);
          for (const { reject } of waiting.values()) reject(new Error(message));
          waiting.clear();
        },
      },
    });
    if (client.info.storageWarning !== null) problems.push(client.info.storageWarning);
    await client.request(loadModelRequest, load);
    return new BenchWorker(client, problems, firstText, waiting);
  }

  async createSession(): Promise<string> {
    const { id } = await this.client.request(createSessionRequest, { ephemeral: false });
    return id;
  }

  /** Opens a session as the chat does; `afterIdle` tells when what it lacks was brought in. */
  async open(sessionId: string): Promise<void> {
    await this.client.request(openSessionRequest, { sessionId });
  }

  async ask(sessionId: string, { question, attachments = [], edits = null, maxTokens }: Question): Promise<Asked> {
    const requestId = randomUUID();
    const sampling = samplingSchema.parse({ maxTokens, repetitionPenalty: 1.1 });
    const begin = performance.now();
    const answered = await this.client.request(askRequest, {
      requestId,
      sessionId,
      task: 'chat',
      question,
      attachments: [...attachments],
      edits,
      sampling,
    });
    const end = performance.now();
    const first = this.#firstText.get(requestId) ?? end;
    this.#firstText.delete(requestId);
    return { ...answered, firstTokenMs: first - begin, totalMs: end - begin };
  }

  /** Does `work`, and waits until the work in idle time that follows it has ended; what the session then holds. */
  async afterIdle<T>(
    sessionId: string,
    work: () => Promise<T>,
  ): Promise<{ readonly done: T; readonly view: MemoryView }> {
    const view = new Promise<MemoryView>((resolve, reject) => {
      this.#waiting.set(sessionId, { resolve, reject });
      void this.client.closed.then(reject);
    });
    const [done, after] = await Promise.all([work(), view]);
    return { done, view: after };
  }
}
