import { join } from 'node:path';
import * as vscode from 'vscode';
import type { z } from 'zod';
import type { MemoryView } from '../protocol/memory.ts';
import {
  askRequest,
  createSessionRequest,
  deleteSessionRequest,
  diagnoseRequest,
  exportSessionRequest,
  importSessionRequest,
  indexFileRequest,
  listSessionsRequest,
  type ModelInfo,
  openSessionRequest,
  type progressNotification,
  renameSessionRequest,
  type RequestDefinition,
  type SearchHit,
  searchSessionsRequest,
  selectBranchRequest,
  sequenceActionRequest,
  sequenceTextRequest,
  type SessionFormat,
  type SessionSummary,
  type SessionView,
  stopIndexingRequest,
  tryProvidersRequest,
} from '../protocol/worker.ts';
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
} from './assistant.ts';
import type { Configuration } from './configuration.ts';
import { Disposable } from './disposable.ts';
import { loadParams } from './models/loadParams.ts';
import { orCancelled } from './orCancelled.ts';
import {
  type ReadyWorker,
  type SupervisorOptions,
  type SupervisorState,
  WorkerSupervisor,
} from './worker/workerSupervisor.ts';

type WorkerListener = NonNullable<ReturnType<SupervisorOptions['worker']>['listener']>;
type WorkerClient = ReadyWorker['client'];

/** The assistant that a supervised worker process is. */
export class WorkerAssistant extends Disposable implements Assistant {
  readonly #onDidChangeStatus = this.register(new vscode.EventEmitter<AssistantStatus>());
  readonly #onDidChangeRunning = this.register(new vscode.EventEmitter<number>());
  readonly #onDidChangeMemory = this.register(new vscode.EventEmitter<MemoryView>());
  readonly #onDidRestart = this.register(new vscode.EventEmitter<RestartNotice>());
  readonly #onDidWarn = this.register(new vscode.EventEmitter<string>());
  readonly onDidChangeStatus = this.#onDidChangeStatus.event;
  readonly onDidChangeRunning = this.#onDidChangeRunning.event;
  readonly onDidChangeMemory = this.#onDidChangeMemory.event;
  readonly onDidRestart = this.#onDidRestart.event;
  readonly onDidWarn = this.#onDidWarn.event;
  readonly #supervisor: WorkerSupervisor;
  readonly #observers = new Map<string, AnswerObserver>();
  #status: AssistantStatus = { state: 'stopped' };
  /** The worker that was asked for its warning last. */
  #warned: WorkerClient | undefined;

  /** @param folders where the worker keeps the sessions, and what it measures of the machine */
  constructor(
    extensionPath: string,
    folders: { readonly storageFolder: string; readonly profileFolder: string },
    configuration: Configuration,
    log: vscode.LogOutputChannel,
  ) {
    super();
    const listener = this.#workerListener(log);
    this.#supervisor = new WorkerSupervisor(
      {
        worker: () => ({
          workerPath: join(extensionPath, 'dist', 'worker.mjs'),
          nodePath: configuration.settings['worker.nodePath'] || undefined,
          client: 'vscode',
          ...folders,
          listener,
        }),
        load: () => loadParams(configuration.settings, extensionPath),
      },
      {
        onState: (state) => {
          if (state.state === 'failed') {
            log.error(state.error);
          }
          this.#setStatus(statusOf(state));
        },
        onRestart: (error) => {
          log.error(error);
          this.#onDidRestart.fire({ error });
        },
        onWarning: (message) => {
          log.warn(message);
          this.#onDidWarn.fire(message);
        },
      },
    );
    this.register({ dispose: () => void this.#supervisor.dispose() });
  }

  get status(): AssistantStatus {
    return this.#status;
  }

  get running(): number {
    return this.#observers.size;
  }

  async start(): Promise<ModelInfo> {
    return (await this.#ready()).model;
  }

  async restart(): Promise<ModelInfo> {
    return (await this.#supervisor.restart()).model;
  }

  async createSession(options: { readonly ephemeral: boolean }, signal: AbortSignal): Promise<SessionView> {
    const { client } = await orCancelled(this.#ready(), signal);
    return await client.request(createSessionRequest, options);
  }

  openSession(sessionId: string): Promise<SessionView> {
    return this.#request(openSessionRequest, { sessionId });
  }

  async listSessions(): Promise<readonly SessionSummary[]> {
    const sessions = await this.#request(listSessionsRequest, {});
    // One whose first question got no answer has nothing in it to go back to.
    return sessions.filter(({ exchanges }) => exchanges > 0);
  }

  async deleteSession(sessionId: string): Promise<void> {
    await this.#request(deleteSessionRequest, { sessionId });
  }

  async renameSession(sessionId: string, title: string): Promise<void> {
    await this.#request(renameSessionRequest, { sessionId, title });
  }

  searchSessions(query: string): Promise<readonly SearchHit[]> {
    return this.#request(searchSessionsRequest, { query });
  }

  exportSession(sessionId: string, format: SessionFormat): Promise<ExportedSession> {
    return this.#request(exportSessionRequest, { sessionId, format });
  }

  importSession(text: string): Promise<SessionView> {
    return this.#request(importSessionRequest, { text });
  }

  selectBranch(branch: z.input<typeof selectBranchRequest.params>): Promise<SessionView> {
    return this.#request(selectBranchRequest, branch);
  }

  async sequenceText(sequence: z.input<typeof sequenceTextRequest.params>): Promise<string> {
    return (await this.#request(sequenceTextRequest, sequence)).text;
  }

  actOnSequence(act: z.input<typeof sequenceActionRequest.params>): Promise<SessionView> {
    return this.#request(sequenceActionRequest, act);
  }

  async ask(question: Question, observer: AnswerObserver, signal: AbortSignal): Promise<Answer> {
    this.#observers.set(question.requestId, observer);
    this.#onDidChangeRunning.fire(this.running);
    try {
      const { client } = await orCancelled(this.#ready(), signal);
      const answer = await client.request(askRequest, question, { signal });
      this.#onDidChangeMemory.fire(answer.memory);
      return answer;
    } finally {
      this.#observers.delete(question.requestId);
      this.#onDidChangeRunning.fire(this.running);
    }
  }

  async indexFile(file: FileToIndex): Promise<void> {
    if (this.#status.state === 'ready') {
      await this.#request(indexFileRequest, file);
    }
  }

  async stopIndexing(): Promise<void> {
    if (this.#status.state === 'ready') {
      await this.#request(stopIndexingRequest, {});
    }
  }

  async diagnose(): Promise<readonly Check[]> {
    return (await this.#request(diagnoseRequest, {})).checks;
  }

  async tryProvidersAgain(signal: AbortSignal): Promise<ModelInfo> {
    const { client } = await orCancelled(this.#ready(), signal);
    const model = await client.request(tryProvidersRequest, {}, { signal });
    this.#supervisor.noteModel(model);
    return model;
  }

  /** A request that needs the worker and no model. */
  async #request<P extends z.ZodType, R extends z.ZodType>(
    definition: RequestDefinition<P, R>,
    params: z.input<P>,
  ): Promise<z.output<R>> {
    const client = await this.#supervisor.client();
    return await client.request(definition, params);
  }

  async #ready(): Promise<ReadyWorker> {
    const worker = await this.#supervisor.ready();
    const { storageWarning } = worker.client.info;
    if (storageWarning !== null && this.#warned !== worker.client) {
      this.#onDidWarn.fire(storageWarning);
    }
    this.#warned = worker.client;
    return worker;
  }

  #workerListener(log: vscode.LogOutputChannel): WorkerListener {
    return {
      onToken: ({ requestId, text }) => this.#observers.get(requestId)?.onToken(text),
      onProgress: (progress) => {
        this.#onProgress(progress);
      },
      onMemoryChanged: (memory) => {
        this.#onDidChangeMemory.fire(memory);
      },
      onModelChanged: (model) => {
        this.#supervisor.noteModel(model);
      },
      onStorageChanged: ({ problem }) => {
        if (problem !== null) {
          this.#onDidWarn.fire(problem);
        }
      },
      onLog: ({ level, message }) => {
        log[level === 'warning' ? 'warn' : level](message);
      },
      onStderr: (text) => {
        log.debug(text.trimEnd());
      },
    };
  }

  #onProgress({ requestId, stage, done, total }: z.output<typeof progressNotification.params>): void {
    if (stage === 'load' && this.#status.state === 'loading') {
      this.#setStatus({ state: 'loading', fraction: done > 0 && total > 0 ? done / total : null });
    } else if (requestId !== null && (stage === 'read' || stage === 'restore')) {
      this.#observers.get(requestId)?.onRead({ done, total });
    }
  }

  #setStatus(status: AssistantStatus): void {
    this.#status = status;
    this.#onDidChangeStatus.fire(status);
  }
}

function statusOf(state: SupervisorState): AssistantStatus {
  if (state.state === 'loading') {
    return { state: 'loading', fraction: null };
  }
  if (state.state === 'failed' && state.error.reason === 'modelMissing') {
    const { message, remedy } = state.error;
    return { state: 'absent', message, remedy };
  }
  return state;
}
