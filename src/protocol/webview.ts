import type { MemoryView } from './memory.ts';
import type { Exchange, SearchHit, SequenceAction, SessionFormat, SessionSummary } from './worker.ts';

/** An attachment as the chat page shows it, before and after it is sent. */
export interface AttachmentChip {
  readonly id: string;
  readonly label: string;
  readonly detail: string;
}

/** An error as the chat page shows it. `action` names the button beside it. */
export interface ChatError {
  readonly message: string;
  readonly remedy: string;
  readonly action: 'restartWorker' | 'showLog' | 'retry' | null;
}

/** What the model is doing, for the line above the input. */
export type ModelStatus =
  | { readonly state: 'absent'; readonly message: string; readonly remedy: string }
  | { readonly state: 'loading'; readonly fraction: number | null }
  | {
      readonly state: 'ready';
      readonly name: string;
      readonly variant: string;
      readonly executionProvider: string;
      readonly reason: string;
    }
  | { readonly state: 'failed'; readonly error: ChatError };

/** Everything the page draws; sent whole when it appears, so that a page that was hidden misses nothing. */
export interface ChatState {
  readonly sessionId: string | null;
  readonly title: string;
  readonly exchanges: readonly Exchange[];
  readonly running: RunningAnswer | null;
  readonly attachments: readonly AttachmentChip[];
  readonly memory: MemoryView | null;
  readonly model: ModelStatus;
  readonly error: ChatError | null;
}

/** The exchange being answered. */
export interface RunningAnswer {
  readonly requestId: string;
  readonly question: string;
  readonly attachments: readonly AttachmentChip[];
  /** The exchange that is asked anew; it and what follows it are no part of the state while this runs. Null for a new question. */
  readonly edits: string | null;
  readonly text: string;
  readonly stage: 'waiting' | 'reading' | 'answering';
  /** Tokens read and tokens to read while reading, else null. */
  readonly progress: ReadProgress | null;
}

/** How far the prompt of the running answer has been read, in tokens. */
export interface ReadProgress {
  readonly done: number;
  readonly total: number;
}

/** Host to page. */
export declare namespace ToWebviewMessage {
  interface State {
    readonly type: 'state';
    readonly state: ChatState;
  }
  /** Text appended to the running answer: a delta, cheap at every token. */
  interface Token {
    readonly type: 'token';
    readonly requestId: string;
    readonly text: string;
  }
  /** The running answer came to another stage or read further: spares the whole state. */
  interface Progress {
    readonly type: 'progress';
    readonly requestId: string;
    readonly stage: RunningAnswer['stage'];
    readonly progress: ReadProgress | null;
  }
  /** The memory changed and nothing else: spares the whole state. */
  interface Memory {
    readonly type: 'memory';
    readonly memory: MemoryView;
  }
  /** The answer to `listSessions`, sent again whenever the list changes. */
  interface Sessions {
    readonly type: 'sessions';
    readonly sessions: readonly SessionSummary[];
  }
  /** Text put into the input, with the caret at its end: a prepared question, or one that got no answer. The page keeps a draft that it replaces. */
  interface Prefill {
    readonly type: 'prefill';
    readonly text: string;
  }
  /** The answer to `searchSessions`. */
  interface Found {
    readonly type: 'found';
    readonly query: string;
    readonly hits: readonly SearchHit[];
  }
  /** The answer to `sequenceText`; null where there is none to be had, of which the state tells the error. */
  interface SequenceText {
    readonly type: 'sequenceText';
    readonly sequenceId: string;
    readonly text: string | null;
  }
  type Type = State | Token | Progress | Memory | Sessions | Prefill | Found | SequenceText;
}

/** Page to host. */
export declare namespace FromWebviewMessage {
  interface Ready {
    readonly type: 'ready';
  }
  interface Ask {
    readonly type: 'ask';
    readonly text: string;
  }
  /** `retry` loads the model again that is absent or failed. */
  interface Plain {
    readonly type:
      | 'stop'
      | 'newSession'
      | 'attachSelection'
      | 'attachFile'
      | 'restartWorker'
      | 'showLog'
      | 'retry'
      | 'listSessions'
      | 'importSession';
  }
  interface RemoveAttachment {
    readonly type: 'removeAttachment';
    readonly id: string;
  }
  interface OpenSession {
    readonly type: 'openSession';
    readonly sessionId: string;
    /** An exchange that is to be seen, whose branch is shown; null for the branch that was shown last. */
    readonly exchangeId: string | null;
  }
  interface DeleteSession {
    readonly type: 'deleteSession';
    readonly sessionId: string;
  }
  interface RenameSession {
    readonly type: 'renameSession';
    readonly sessionId: string;
    readonly title: string;
  }
  /** The host asks the user where to put it. */
  interface ExportSession {
    readonly type: 'exportSession';
    readonly sessionId: string;
    readonly format: SessionFormat;
  }
  interface SearchSessions {
    readonly type: 'searchSessions';
    readonly query: string;
  }
  /** Asks an exchange of the session shown anew, in its place: with other words, or (`text` empty) once more. */
  interface Edit {
    readonly type: 'edit';
    readonly exchangeId: string;
    readonly text: string;
  }
  /** Shows the branch through an exchange. */
  interface SelectBranch {
    readonly type: 'selectBranch';
    readonly exchangeId: string;
  }
  interface SequenceText {
    readonly type: 'sequenceText';
    readonly sequenceId: string;
  }
  interface ActOnSequence {
    readonly type: 'actOnSequence';
    readonly sequenceId: string;
    readonly action: SequenceAction;
  }
  /** Code of an answer, copied to the clipboard or put at the editor's caret. */
  interface Code {
    readonly type: 'copy' | 'insert';
    readonly text: string;
  }
  type Type =
    | Ready
    | Ask
    | Plain
    | RemoveAttachment
    | OpenSession
    | DeleteSession
    | RenameSession
    | ExportSession
    | SearchSessions
    | Edit
    | SelectBranch
    | SequenceText
    | ActOnSequence
    | Code;
}
