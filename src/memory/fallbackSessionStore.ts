import { AnchorageError, messageOf } from '../protocol/errors.ts';
import type { SessionSummary } from '../protocol/worker.ts';
import type { SessionSequence } from './sessionSequence.ts';
import { emptySession, withTurn } from './sessionStore.ts';
import type { NewSession, SessionStore, StoredSession, StoredTurn } from './sessionStore.ts';

/** What of a session could not be written yet, in order. */
interface Held {
  /** Null once the session itself is in the store. */
  created: NewSession | null;
  readonly turns: StoredTurn[];
}

/**
 * Holds what a store cannot write at the time (a full disk, a locked file, a folder that has become read-only), and
 * writes it as soon as the store takes it again: with the session's next turn, in idle time, and at the end.
 */
export class FallbackSessionStore implements SessionStore {
  readonly #store: SessionStore;
  readonly #held = new Map<string, Held>();
  readonly #onProblem: (problem: string | null) => void;
  #problem: string | null = null;

  /** @param onProblem told when writing begins to fail, with folder and remedy, and with null when all is written. */
  constructor(store: SessionStore, onProblem: (problem: string | null) => void) {
    this.#store = store;
    this.#onProblem = onProblem;
  }

  /** Why something is held, or anchors could not be written last; null while everything is in the store. */
  get problem(): string | null {
    return this.#problem;
  }

  list(): SessionSummary[] {
    const sessions = new Map(this.#store.list().map((session) => [session.id, session]));
    for (const [id, { turns }] of this.#held) {
      const last = turns.at(-1);
      if (last === undefined) continue;
      const exchanges = (sessions.get(id)?.exchanges ?? 0) + turns.length;
      sessions.set(id, { id, title: last.title, updatedAt: last.updatedAt, exchanges });
    }
    return [...sessions.values()].sort((a, b) => b.updatedAt - a.updatedAt);
  }

  create(session: NewSession): void {
    this.#held.set(session.id, { created: session, turns: [] });
    this.#write(session.id);
  }

  title(id: string): string | undefined {
    const held = this.#held.get(id);
    return held?.turns.at(-1)?.title ?? held?.created?.title ?? this.#store.title(id);
  }

  read(id: string): StoredSession | undefined {
    const held = this.#held.get(id);
    const session = held?.created ? emptySession(held.created) : this.#store.read(id);
    return session && held ? held.turns.reduce(withTurn, session) : session;
  }

  appendTurn(sessionId: string, turn: StoredTurn): void {
    const held = this.#held.get(sessionId) ?? { created: null, turns: [] };
    held.turns.push(turn);
    this.#held.set(sessionId, held);
    this.#write(sessionId);
  }

  delete(id: string): void {
    if (!this.#held.get(id)?.created) this.#store.delete(id);
    this.#held.delete(id);
    this.#settle();
  }

  readAnchors(key: string): Uint8Array | undefined {
    return this.#store.readAnchors(key);
  }

  /**
   * Anchors can be made again: those that cannot be written are told of and left out. While turns are held they are not
   * even tried, since a locked file takes seconds to refuse them.
   */
  writeAnchors(sequence: SessionSequence, bytes: Uint8Array): void {
    if (this.#held.size > 0) return;
    this.#tried(() => this.#store.writeAnchors(sequence, bytes));
  }

  /** Tries again to write what is held, until something of it fails. */
  writeHeld(): void {
    for (const id of [...this.#held.keys()]) if (!this.#write(id)) return;
  }

  close(): void {
    this.writeHeld();
    this.#store.close();
  }

  #write(id: string): boolean {
    const held = this.#held.get(id);
    if (held === undefined) return true;
    return this.#tried(() => {
      if (held.created) {
        this.#store.create(held.created);
        held.created = null;
      }
      // A session that another process has deleted takes no turns any more.
      if (this.#store.title(id) === undefined) held.turns.length = 0;
      for (let turn = held.turns[0]; turn !== undefined; turn = held.turns[0]) {
        this.#store.appendTurn(id, turn);
        held.turns.shift();
      }
      this.#held.delete(id);
    });
  }

  #tried(write: () => void): boolean {
    try {
      write();
    } catch (error) {
      const remedy = AnchorageError.is(error) ? error.remedy : '';
      this.#tell(`${messageOf(error)} What could not be written is kept in memory until it can. ${remedy}`.trim());
      return false;
    }
    this.#settle();
    return true;
  }

  #settle(): void {
    if (this.#held.size === 0) this.#tell(null);
  }

  #tell(problem: string | null): void {
    const isNews = (problem === null) !== (this.#problem === null);
    this.#problem = problem;
    if (isNews) this.#onProblem(problem);
  }
}
