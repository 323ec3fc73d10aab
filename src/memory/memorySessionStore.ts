import type { SessionSummary } from '../protocol/worker.ts';
import type { SessionStore, StoredSession, StoredTurn } from './sessionStore.ts';

/** Sessions for the life of the process: those that are not to be stored, and all where storage is unavailable. */
export class MemorySessionStore implements SessionStore {
  readonly #sessions = new Map<string, StoredSession>();

  list(): SessionSummary[] {
    return [...this.#sessions.values()]
      .filter((session) => session.exchanges.length > 0)
      .sort((a, b) => b.updatedAt - a.updatedAt)
      .map(({ id, title, updatedAt, exchanges }) => ({ id, title, updatedAt, exchanges: exchanges.length }));
  }

  create({ id, title, createdAt }: { readonly id: string; readonly title: string; readonly createdAt: number }): void {
    this.#sessions.set(id, { id, title, createdAt, updatedAt: createdAt, exchanges: [], sequences: [] });
  }

  /** Takes over a session that another store holds. */
  adopt(session: StoredSession): void {
    this.#sessions.set(session.id, session);
  }

  read(id: string): StoredSession | undefined {
    return this.#sessions.get(id);
  }

  appendTurn(sessionId: string, turn: StoredTurn): void {
    const session = this.#sessions.get(sessionId);
    if (session === undefined) return;
    this.#sessions.set(sessionId, {
      ...session,
      title: turn.title,
      updatedAt: turn.updatedAt,
      exchanges: [...session.exchanges, turn.exchange],
      sequences: [...session.sequences, ...turn.sequences],
    });
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
