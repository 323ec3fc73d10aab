import type { Attachment, Exchange, SearchHit, SessionSummary } from '../protocol/worker.ts';
import type { Holding, SessionSequence } from './sessionSequence.ts';

/** An exchange as it is kept: a node of its session's tree. */
export interface StoredExchange extends Omit<Exchange, 'siblings'> {
  /** The exchange before it; null for one that begins its session. */
  readonly parentId: string | null;
  /** Chunks of the attachments, then the exchange itself. A sequence that was forgotten is not here. */
  readonly sequences: readonly SessionSequence[];
}

/** A session as it is kept: a tree of exchanges, of which the path to the head is shown. */
export interface StoredSession {
  readonly id: string;
  readonly title: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly updatedAt: number;
  /** Last exchange of the branch that is shown; null while there is none. */
  readonly headId: string | null;
  /** All exchanges, in the order in which they were written: a parent comes before its children. */
  readonly exchanges: readonly StoredExchange[];
}

export type NewSession = Pick<StoredSession, 'id' | 'title' | 'createdAt'>;

/** What one question and its answer add to a session, whose head they become. */
export interface StoredTurn {
  readonly title: string;
  readonly updatedAt: number;
  readonly exchange: StoredExchange;
  /** The exchange's attachments, with their text. */
  readonly attachments: readonly Attachment[];
}

export function emptySession(session: NewSession): StoredSession {
  return { ...session, updatedAt: session.createdAt, headId: null, exchanges: [] };
}

export function withTurn(session: StoredSession, { title, updatedAt, exchange }: StoredTurn): StoredSession {
  return { ...session, title, updatedAt, headId: exchange.id, exchanges: [...session.exchanges, exchange] };
}

/** Bytes of anchors by the key that decides them (`AnchorKeys`). A cache: losing it costs time and nothing else. */
export interface AnchorStore {
  readAnchors(key: string): Uint8Array | undefined;
  /** Whether there are any, without reading them; they count as used. */
  hasAnchors(key: string): boolean;
  /** Keeps anchors that no sequence of a session has yet (a file read ahead); the least recently used go first. */
  writeAnchors(key: string, bytes: Uint8Array): void;
}

/** How a sequence is held now. */
export interface HeldSequence {
  readonly id: string;
  readonly holding: Holding;
}

/** Where sessions are kept. Every method may throw AnchorageError `storageUnavailable`, with nothing half written. */
export interface SessionStore extends AnchorStore {
  /** Sessions with at least one exchange, the latest first. */
  list(): SessionSummary[];
  create(session: NewSession): void;
  /** Undefined where there is no such session: asked at every turn, so nothing but the title is read. */
  title(id: string): string | undefined;
  read(id: string): StoredSession | undefined;
  /** Text of an exchange's attachments, but of those that were forgotten; they are not part of `read`. */
  attachments(exchangeId: string): Attachment[];
  appendTurn(sessionId: string, turn: StoredTurn): void;
  /** Writes how sequences are held, and anchors that were made anew, in one transaction. */
  writeHoldings(
    sessionId: string,
    held: readonly HeldSequence[],
    anchors?: readonly { readonly key: string; readonly bytes: Uint8Array }[],
  ): void;
  rename(id: string, title: string): void;
  selectHead(id: string, exchangeId: string): void;
  /**
   * Removes a sequence's text; its anchors with `eraseRemoved`. A chunk goes from its attachment, of which no text is
   * kept; of an exchange stays that there was one.
   *
   * @param title of the session from now on: the one before may be the question's words.
   */
  forget(sessionId: string, sequenceId: string, title: string): void;
  /** Writes a whole session, as it was exported, with attachments by exchange. */
  importSession(session: StoredSession, attachments: ReadonlyMap<string, readonly Attachment[]>): void;
  search(query: string, limit: number): SearchHit[];
  /** Removes a session; its anchors with `eraseRemoved`. */
  delete(id: string): void;
  /**
   * Removes the anchors of what was forgotten and deleted, and all that was removed from the file's free pages and its
   * log: in slices, between which others get their turn. Where it was not done, or only in part, it goes on when it is
   * called again, by another process too.
   */
  eraseRemoved(signal?: AbortSignal): Promise<void>;
  close(): void;
}
