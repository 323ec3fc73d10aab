import type { z } from 'zod';
import type { AnchorageError } from '../protocol/errors.ts';
import type { MemoryView } from '../protocol/memory.ts';
import type { ReadProgress } from '../protocol/webview.ts';
import type {
  askRequest,
  diagnoseRequest,
  Exchange,
  exportSessionRequest,
  indexFileRequest,
  ModelInfo,
  SearchHit,
  selectBranchRequest,
  sequenceActionRequest,
  sequenceTextRequest,
  SessionFormat,
  SessionSummary,
  SessionView,
} from '../protocol/worker.ts';

/** Takes a listener; what it gives ends the listening. A `vscode.Event` is one. */
export type Event<T> = (listener: (value: T) => unknown) => { dispose(): unknown };

/** What the worker and its model are doing. */
export type AssistantStatus =
  /** No package at the configured place. */
  | { readonly state: 'absent'; readonly message: string; readonly remedy: string }
  /** Not started: the first request, or `start`, starts it. */
  | { readonly state: 'stopped' }
  /** `fraction` of the weights read, 0 to 1; null while it is not known. */
  | { readonly state: 'loading'; readonly fraction: number | null }
  | { readonly state: 'ready'; readonly model: ModelInfo }
  | { readonly state: 'failed'; readonly error: AnchorageError };

/** A question with everything the worker needs to answer it. */
export type Question = z.input<typeof askRequest.params>;

/** Receives an answer while it is made. */
export interface AnswerObserver {
  /** The prompt was read this far, in tokens. */
  onRead(progress: ReadProgress): void;
  /** Text to append to the answer. */
  onToken(text: string): void;
}

export interface Answer {
  readonly exchange: Exchange;
  readonly memory: MemoryView;
}

/** A file to be read ahead: as it is when it is attached. */
export type FileToIndex = z.input<typeof indexFileRequest.params>;

export type Check = z.infer<typeof diagnoseRequest.result>['checks'][number];

/** A session as the text of a file, with the name that suits it. */
export type ExportedSession = z.infer<typeof exportSessionRequest.result>;

/** How the worker came to be started again by itself. */
export interface RestartNotice {
  /** Why the one before ended. */
  readonly error: AnchorageError;
}

/**
 * What the editor's surfaces (chat, explain, summarize, status) need of the worker. Every method starts the worker and
 * loads the model where it needs them, waits for that, and fails with an `AnchorageError`; a request that was running when
 * the worker died fails with `workerDied`, a request that was aborted before its answer began with `cancelled` (after
 * that it resolves to what was answered, with the stop reason `cancelled`).
 */
export interface Assistant {
  readonly status: AssistantStatus;
  readonly onDidChangeStatus: Event<AssistantStatus>;
  /** The requests being answered now. */
  readonly running: number;
  readonly onDidChangeRunning: Event<number>;
  /** A session's memory changed outside an answer (it was sealed in idle time). */
  readonly onDidChangeMemory: Event<MemoryView>;
  /** The worker died and was started again; `status` goes to `failed` instead when it was given up. */
  readonly onDidRestart: Event<RestartNotice>;

  /** Something that the user should know and that stops nothing: one sentence, once per start of the worker. */
  readonly onDidWarn: Event<string>;

  /** Starts the worker and loads the model; resolves once it is ready. */
  start(): Promise<ModelInfo>;
  /** Ends the worker, if there is one, and starts it anew with the settings of now. */
  restart(): Promise<ModelInfo>;
  createSession(options: { readonly ephemeral: boolean }, signal: AbortSignal): Promise<SessionView>;
  openSession(sessionId: string): Promise<SessionView>;
  listSessions(): Promise<readonly SessionSummary[]>;
  deleteSession(sessionId: string): Promise<void>;
  renameSession(sessionId: string, title: string): Promise<void>;
  /** Sessions with all the words of the query, the best first. */
  searchSessions(query: string): Promise<readonly SearchHit[]>;
  exportSession(sessionId: string, format: SessionFormat): Promise<ExportedSession>;
  /** Takes what `exportSession` gave as JSON, as a new session. */
  importSession(text: string): Promise<SessionView>;
  /** Shows the branch through an exchange, to the end that was written last. */
  selectBranch(branch: z.input<typeof selectBranchRequest.params>): Promise<SessionView>;
  /** A sequence's whole text. */
  sequenceText(sequence: z.input<typeof sequenceTextRequest.params>): Promise<string>;
  actOnSequence(act: z.input<typeof sequenceActionRequest.params>): Promise<SessionView>;
  ask(question: Question, observer: AnswerObserver, signal: AbortSignal): Promise<Answer>;
  /**
   * Has a file read ahead when nobody waits for an answer, so that it is there when it is attached. Resolves once the
   * worker knows of it. Unlike the others it starts nothing: without a model that is ready it does nothing.
   */
  indexFile(file: FileToIndex): Promise<void>;
  /** Forgets the files that were to be read ahead. Starts nothing. */
  stopIndexing(): Promise<void>;
  diagnose(): Promise<readonly Check[]>;
  /**
   * Has the execution providers tried again, for the next start. Resolves to the model with the new reason for where it
   * runs; answers are written meanwhile.
   */
  tryProvidersAgain(signal: AbortSignal): Promise<ModelInfo>;
}
