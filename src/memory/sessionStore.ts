import type { Attachment, Exchange, SessionSummary } from '../protocol/worker.ts';
import type { SessionSequence } from './sessionSequence.ts';

/** A session as it is kept. */
export interface StoredSession {
  readonly id: string;
  readonly title: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly exchanges: readonly Exchange[];
  readonly sequences: readonly SessionSequence[];
}

export type NewSession = Pick<StoredSession, 'id' | 'title' | 'createdAt'>;

/** What one question and its answer add to a session. */
export interface StoredTurn {
  readonly title: string;
  readonly updatedAt: number;
  readonly exchange: Exchange;
  readonly attachments: readonly Attachment[];
  /** Chunks of the attachments, then the exchange. */
  readonly sequences: readonly SessionSequence[];
}

export function emptySession(session: NewSession): StoredSession {
  return { ...session, updatedAt: session.createdAt, exchanges: [], sequences: [] };
}

export function withTurn(session: StoredSession, { title, updatedAt, exchange, sequences }: StoredTurn): StoredSession {
  return {
    ...session,
    title,
    updatedAt,
    exchanges: [...session.exchanges, exchange],
    sequences: [...session.sequences, ...sequences],
  };
}

/** Bytes of anchors by the key that decides them (`AnchorKeys`). A cache: losing it costs time and nothing else. */
export interface AnchorStore {
  readAnchors(key: string): Uint8Array | undefined;
  /** Keeps the anchors of a sequence under its `anchorKey`, and how it was sealed. */
  writeAnchors(sequence: SessionSequence, bytes: Uint8Array): void;
}

/** Where sessions are kept. Every method may throw AnchorageError `storageUnavailable`, with nothing half written. */
export interface SessionStore extends AnchorStore {
  /** Sessions with at least one exchange, the latest first. */
  list(): SessionSummary[];
  create(session: NewSession): void;
  /** Undefined where there is no such session: asked at every turn, so nothing but the title is read. */
  title(id: string): string | undefined;
  read(id: string): StoredSession | undefined;
  appendTurn(sessionId: string, turn: StoredTurn): void;
  delete(id: string): void;
  close(): void;
}
