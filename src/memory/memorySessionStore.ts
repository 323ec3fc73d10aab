import type { SessionSummary } from '../protocol/worker.ts';
import { emptySession, withTurn } from './sessionStore.ts';
import type { NewSession, SessionStore, StoredSession, StoredTurn } from './sessionStore.ts';

/** Sessions for the life of the process: those that are not to be stored, and all where storage is unavailable. */
export class MemorySessionStore implements SessionStore {
  readonly #sessions = new Map<string, StoredSession>();

  list(): SessionSummary[] {
    return [...this.#sessions.values()]
      .filter((session) => session.exchanges.length > 0)
      .sort((a, b) => b.updatedAt - a.updatedAt)
      .map(({ id, title, updatedAt, exchanges }) => ({ id, title, updatedAt, exchanges: exchanges.length }));
  }

  create(session: NewSession): void {
    this.#sessions.set(session.id, emptySession(session));
  }

  title(id: string): string | undefined {
    return this.#sessions.get(id)?.title;
  }

  read(id: string): StoredSession | undefined {
    return this.#sessions.get(id);
  }

  appendTurn(sessionId: string, turn: StoredTurn): void {
    const session = this.#sessions.get(sessionId);
    if (session !== undefined) this.#sessions.set(sessionId, withTurn(session, turn));
  }

  delete(id: string): void {
    this.#sessions.delete(id);
  }

  readAnchors(): undefined {
    return undefined;
  }

  /** Anchors that are wanted stay in their context; others are made again. */
  writeAnchors(): void {}

  close(): void {
    this.#sessions.clear();
  }
}
