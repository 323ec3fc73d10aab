import type { SessionSummary } from '../protocol/worker.ts';
import { MemorySessionStore } from './memorySessionStore.ts';
import type { SessionSequence } from './sessionSequence.ts';
import type { SessionStore, StoredSession, StoredTurn } from './sessionStore.ts';

/**
 * Goes on in memory with a session whose writing fails (a full disk, a folder that has become read-only): the session
 * is taken over as it was read, and the turn that could not be written is kept there.
 */
export class FallbackSessionStore implements SessionStore {
  readonly #store: SessionStore;
  readonly #memory = new MemorySessionStore();
  readonly #onFailure: (error: unknown) => void;

  /** @param onFailure told of every write that failed, an `AnchorageError` that names folder and remedy. */
  constructor(store: SessionStore, onFailure: (error: unknown) => void) {
    this.#store = store;
    this.#onFailure = onFailure;
  }

  list(): SessionSummary[] {
    const held = this.#memory.list();
    const names = new Set(held.map((session) => session.id));
    const stored = this.#store.list().filter((session) => !names.has(session.id));
    return [...held, ...stored].sort((a, b) => b.updatedAt - a.updatedAt);
  }

  create(session: Parameters<SessionStore['create']>[0]): void {
    if (!this.#tried(() => this.#store.create(session))) this.#memory.create(session);
  }

  read(id: string): StoredSession | undefined {
    return this.#memory.read(id) ?? this.#store.read(id);
  }

  appendTurn(sessionId: string, turn: StoredTurn): void {
    if (this.#memory.read(sessionId) === undefined) {
      const before = this.#store.read(sessionId);
      if (this.#tried(() => this.#store.appendTurn(sessionId, turn)) || before === undefined) return;
      this.#memory.adopt(before);
    }
    this.#memory.appendTurn(sessionId, turn);
  }

  delete(id: string): void {
    this.#memory.delete(id);
    this.#store.delete(id);
  }

  readAnchors(key: string): Uint8Array | undefined {
    return this.#store.readAnchors(key);
  }

  /** Anchors can be made again: those that cannot be written are told of and left out. */
  writeAnchors(sequence: SessionSequence, bytes: Uint8Array): void {
    this.#tried(() => this.#store.writeAnchors(sequence, bytes));
  }

  close(): void {
    this.#store.close();
  }

  #tried(write: () => void): boolean {
    try {
      write();
      return true;
    } catch (error) {
      this.#onFailure(error);
      return false;
    }
  }
}
