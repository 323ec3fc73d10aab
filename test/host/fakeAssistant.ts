import * as vscode from 'vscode';
import { AnchorageError } from '../../src/protocol/errors.ts';
import type { MemoryView } from '../../src/protocol/memory.ts';
import type {
  Exchange,
  ModelInfo,
  SearchHit,
  SequenceAction,
  SessionFormat,
  SessionSummary,
  SessionView,
} from '../../src/protocol/worker.ts';
import type {
  Answer,
  AnswerObserver,
  Assistant,
  AssistantStatus,
  Check,
  ExportedSession,
  FileToIndex,
  Question,
  RestartNotice,
} from '../../src/host/assistant.ts';

const model: ModelInfo = {
  name: 'Fake',
  packageFolder: '/fake',
  variant: 'int4',
  executionProvider: 'cpu',
  executionProviderReason: 'The fake computes nothing.',
  scheme: 'mark',
  choice: 'window',
  ratio: 8,
  ratios: [8],
  contextTokens: 8192,
  kvBytesPerToken: 23_040,
  loadMs: 1,
};

/** An assistant whose answers a test writes, token by token: the surfaces are tested without a model. */
export class FakeAssistant implements Assistant {
  readonly #status = new vscode.EventEmitter<AssistantStatus>();
  readonly #running = new vscode.EventEmitter<number>();
  readonly #memory = new vscode.EventEmitter<MemoryView>();
  readonly #restart = new vscode.EventEmitter<RestartNotice>();
  readonly #warn = new vscode.EventEmitter<string>();
  readonly onDidChangeStatus = this.#status.event;
  readonly onDidChangeRunning = this.#running.event;
  readonly onDidChangeMemory = this.#memory.event;
  readonly onDidRestart = this.#restart.event;
  readonly onDidWarn = this.#warn.event;
  readonly questions: Question[] = [];
  /** The files that were to be read ahead, in their order. */
  readonly indexed: FileToIndex[] = [];
  stopsOfIndexing = 0;
  /** The model as trying the execution providers again leaves it. */
  triedAgain: ModelInfo = model;
  readonly sessions = new Map<string, SessionView>();
  /** What was done with sequences. */
  readonly acts: { readonly sequenceId: string; readonly action: SequenceAction }[] = [];
  /** Exchanges that a branch was left with, by their ids: `selectBranch` shows the session as it was with them. */
  readonly #branches = new Map<string, SessionView>();
  #sessionCount = 0;
  status: AssistantStatus = { state: 'ready', model };
  running = 0;
  /** Why the next start fails, if it does. */
  startError: AnchorageError | undefined;
  /** What beginning a session waits for: the model being loaded. */
  load: (signal: AbortSignal) => Promise<void> = () => Promise.resolve();
  /** What every question is answered with. */
  script: (observer: AnswerObserver, signal: AbortSignal) => Promise<string> = (observer) => {
    observer.onRead({ done: 5, total: 10 });
    observer.onRead({ done: 10, total: 10 });
    for (const token of ['one', ' two', ' three']) {
      observer.onToken(token);
    }
    return Promise.resolve('one two three');
  };

  setStatus(status: AssistantStatus): void {
    this.status = status;
    this.#status.fire(status);
  }

  tellRestart(error: AnchorageError): void {
    this.#restart.fire({ error });
  }

  tellMemory(memory: MemoryView): void {
    this.#memory.fire(memory);
  }

  start(): Promise<ModelInfo> {
    if (this.startError !== undefined) {
      this.setStatus({ state: 'failed', error: this.startError });
      return Promise.reject(this.startError);
    }
    this.setStatus({ state: 'ready', model });
    return Promise.resolve(model);
  }

  restart(): Promise<ModelInfo> {
    return this.start();
  }

  async createSession(_options: { readonly ephemeral: boolean }, signal: AbortSignal): Promise<SessionView> {
    await this.load(signal);
    const id = `session-${++this.#sessionCount}`;
    const view: SessionView = { id, title: '', exchanges: [], memory: memoryOf(id, 0) };
    this.sessions.set(id, view);
    return view;
  }

  openSession(sessionId: string): Promise<SessionView> {
    const view = this.sessions.get(sessionId);
    return view === undefined ? Promise.reject(noSession(sessionId)) : Promise.resolve(view);
  }

  listSessions(): Promise<readonly SessionSummary[]> {
    const summaries = [...this.sessions.values()].map(({ id, title, exchanges }) => ({
      id,
      title,
      updatedAt: 0,
      exchanges: exchanges.length,
    }));
    return Promise.resolve(summaries);
  }

  deleteSession(sessionId: string): Promise<void> {
    this.sessions.delete(sessionId);
    return Promise.resolve();
  }

  async renameSession(sessionId: string, title: string): Promise<void> {
    this.sessions.set(sessionId, { ...(await this.openSession(sessionId)), title });
  }

  async searchSessions(query: string): Promise<readonly SearchHit[]> {
    const summaries = await this.listSessions();
    return summaries
      .filter(({ title }) => title.includes(query))
      .map((session) => ({ session, exchangeId: null, excerpt: [{ text: session.title, isMatch: true }] }));
  }

  async exportSession(sessionId: string, format: SessionFormat): Promise<ExportedSession> {
    const { title } = await this.openSession(sessionId);
    return { fileName: `${title}.${format === 'json' ? 'json' : 'md'}`, text: title };
  }

  async importSession(text: string): Promise<SessionView> {
    const view = await this.createSession({ ephemeral: false }, new AbortController().signal);
    this.sessions.set(view.id, { ...view, title: text });
    return await this.openSession(view.id);
  }

  selectBranch({ exchangeId }: { readonly exchangeId: string }): Promise<SessionView> {
    const view = this.#branches.get(exchangeId);
    if (view === undefined) {
      return Promise.reject(new AnchorageError('invalidInput', `There is no exchange ${exchangeId}.`));
    }
    this.sessions.set(view.id, view);
    return Promise.resolve(view);
  }

  sequenceText({ sequenceId }: { readonly sequenceId: string }): Promise<string> {
    return sequenceId === 'gone'
      ? Promise.reject(new AnchorageError('invalidInput', 'There is no sequence gone.'))
      : Promise.resolve(`text of ${sequenceId}`);
  }

  async actOnSequence(act: {
    readonly sessionId: string;
    readonly sequenceId: string;
    readonly action: SequenceAction;
  }): Promise<SessionView> {
    const { sequenceId, action } = act;
    if (sequenceId === 'gone') {
      throw new AnchorageError('invalidInput', 'There is no sequence gone.');
    }
    this.acts.push({ sequenceId, action });
    return await this.openSession(act.sessionId);
  }

  async ask(question: Question, observer: AnswerObserver, signal: AbortSignal): Promise<Answer> {
    this.questions.push(question);
    this.#count(1);
    try {
      const answer = await this.script(observer, signal);
      const stopReason = signal.aborted ? 'cancelled' : 'endOfText';
      const usage = { promptTokens: 80, answerTokens: 3, kvRows: 18, kvRowsFull: 88, prefillMs: 1000, decodeMs: 500 };
      const attachments = question.attachments.map(({ text, ...rest }) => ({
        ...rest,
        lines: text.split('\n').length,
      }));
      const session = this.sessions.get(question.sessionId);
      const edited = session?.exchanges.find(({ id }) => id === question.edits);
      const exchange: Exchange = {
        id: question.requestId,
        question: question.question || (edited?.question ?? ''),
        answer,
        attachments: [...(edited?.attachments ?? []), ...attachments],
        stopReason,
        usage,
        rehydrated: [],
        siblings: [...(edited?.siblings ?? []), question.requestId],
        isForgotten: false,
      };
      const memory = memoryOf(question.sessionId, 80);
      if (session !== undefined) {
        const kept =
          edited === undefined ? session.exchanges : session.exchanges.slice(0, session.exchanges.indexOf(edited));
        const title = session.title || question.question;
        const view = { id: session.id, title, exchanges: [...kept, exchange], memory };
        session.exchanges.forEach(({ id }) => this.#branches.set(id, session));
        view.exchanges.forEach(({ id }) => this.#branches.set(id, view));
        this.sessions.set(session.id, view);
      }
      return { exchange, memory };
    } finally {
      this.#count(-1);
    }
  }

  indexFile(file: FileToIndex): Promise<void> {
    this.indexed.push(file);
    return Promise.resolve();
  }

  stopIndexing(): Promise<void> {
    this.stopsOfIndexing++;
    return Promise.resolve();
  }

  tryProvidersAgain(): Promise<ModelInfo> {
    return Promise.resolve(this.triedAgain);
  }

  diagnose(): Promise<readonly Check[]> {
    return Promise.resolve([
      { name: 'Model files', ok: true, detail: 'All there.', remedy: '' },
      { name: 'Storage', ok: false, detail: 'Read-only.', remedy: 'Make it writable.' },
    ]);
  }

  #count(change: 1 | -1): void {
    this.running += change;
    this.#running.fire(this.running);
  }
}

/** Resolves when the signal is aborted: an answer that goes on until it is stopped. */
export function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
    }
    signal.addEventListener('abort', () => {
      resolve();
    });
  });
}

function memoryOf(sessionId: string, textTokens: number): MemoryView {
  const kvRows = Math.ceil(textTokens / 8);
  return {
    sessionId,
    textTokens,
    kvRows,
    kvRowsFull: textTokens,
    kvBytes: kvRows * 23_040,
    kvBytesFull: textTokens * 23_040,
    budgetUsed: kvRows * 23_040,
    budget: 256_000_000,
    budgetLargest: kvRows * 23_040,
    sequences: [],
  };
}

function noSession(sessionId: string): AnchorageError {
  return new AnchorageError('invalidInput', `There is no session ${sessionId}.`);
}
