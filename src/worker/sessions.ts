import { randomUUID } from 'node:crypto';
import { AnchorageError } from '../protocol/errors.ts';
import type { SessionSummary, SessionView } from '../protocol/worker.ts';
import type { MemoryView } from '../protocol/memory.ts';
import { MemorySessionStore } from '../memory/memorySessionStore.ts';
import { memoryView, unreadView } from '../memory/memoryView.ts';
import { SessionMemory } from '../memory/sessionMemory.ts';
import type { SessionStore, StoredSession, StoredTurn } from '../memory/sessionStore.ts';
import type { Model } from './model.ts';

/** Contexts kept at a time. Another session's is made again from its anchors when it is wanted. */
export const contextLimit = 4;

/** The worker's sessions, stored and ephemeral, and the contexts of those used last. */
export class Sessions {
  readonly #stored: SessionStore;
  /** Explanations and summaries: forgotten when the worker ends. */
  readonly #ephemeral = new MemorySessionStore();
  /** Least recently used first. */
  readonly #memories = new Map<string, SessionMemory>();

  constructor(stored: SessionStore) {
    this.#stored = stored;
  }

  create(isEphemeral: boolean): SessionView {
    const session = { id: randomUUID(), title: '', createdAt: Date.now() };
    (isEphemeral ? this.#ephemeral : this.#stored).create(session);
    return this.view(session.id);
  }

  list(): SessionSummary[] {
    return this.#stored.list();
  }

  /** @throws AnchorageError `invalidInput` for a session that is not there. */
  view(id: string): SessionView {
    const { title, exchanges, sequences } = this.read(id);
    const memory = this.#memories.get(id);
    return {
      id,
      title,
      exchanges: [...exchanges],
      memory: memory ? memoryView(id, memory) : unreadView(id, sequences),
    };
  }

  delete(id: string): void {
    this.#memories.delete(id);
    this.#storeOf(id).delete(id);
  }

  /** The session's context and what is in it; empty where the session was not used since the model was loaded. */
  memory(id: string, model: Model): SessionMemory {
    const memory = this.#memories.get(id) ?? this.#newMemory(this.read(id), model);
    this.#memories.delete(id);
    this.#memories.set(id, memory);
    const [oldest] = this.#memories.keys();
    if (this.#memories.size > contextLimit && oldest !== undefined) this.#memories.delete(oldest);
    return memory;
  }

  memoryView(id: string, memory: SessionMemory): MemoryView {
    return memoryView(id, memory);
  }

  append(id: string, turn: StoredTurn): void {
    this.#storeOf(id).appendTurn(id, turn);
  }

  read(id: string): StoredSession {
    const session = this.#storeOf(id).read(id);
    if (session === undefined) throw noSession(id);
    return session;
  }

  /** @throws AnchorageError `invalidInput` for a session that is not there. */
  title(id: string): string {
    const title = this.#storeOf(id).title(id);
    if (title === undefined) throw noSession(id);
    return title;
  }

  has(id: string): boolean {
    return this.#storeOf(id).title(id) !== undefined;
  }

  /** Drops all contexts: they belong to a model that goes. */
  forgetContexts(): void {
    this.#memories.clear();
  }

  close(): void {
    this.#stored.close();
  }

  #storeOf(id: string): SessionStore {
    return this.#ephemeral.title(id) === undefined ? this.#stored : this.#ephemeral;
  }

  #newMemory({ id, sequences }: StoredSession, model: Model): SessionMemory {
    return new SessionMemory({
      context: model.createContext(),
      keys: model.keys,
      store: this.#storeOf(id),
      defaults: model.defaults,
      encode: (text) => model.encode(text),
      sequences,
    });
  }
}

function noSession(id: string): AnchorageError {
  return new AnchorageError(
    'invalidInput',
    `There is no session ${id}.`,
    'It was deleted, or not stored. Start a new one.',
  );
}
