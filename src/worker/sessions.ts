import { randomUUID } from 'node:crypto';
import type { Attachment, SearchHit, SessionSummary, SessionView } from '../protocol/worker.ts';
import type { MemoryView } from '../protocol/memory.ts';
import { MemorySessionStore } from '../memory/memorySessionStore.ts';
import { memoryView, unreadView, type BudgetView } from '../memory/memoryView.ts';
import { Rehydrator } from '../memory/rehydrator.ts';
import { SessionMemory } from '../memory/sessionMemory.ts';
import type { SessionSequence } from '../memory/sessionSequence.ts';
import type { SessionStore, StoredSession, StoredTurn } from '../memory/sessionStore.ts';
import { pathOf, shownExchanges } from '../memory/sessionTree.ts';
import type { Model } from './model.ts';
import { noSession } from './notThere.ts';

/** Contexts kept at a time. Another session's is made again from its anchors when it is wanted. */
export const contextLimit = 4;

/** A session whose sequences are in a context. */
export interface OpenSession {
  readonly memory: SessionMemory;
  readonly rehydrator: Rehydrator;
}

/** The worker's sessions, stored and ephemeral, and the contexts of those used last. */
export class Sessions {
  readonly #stored: SessionStore;
  /** Explanations and summaries: forgotten when the worker ends. */
  readonly #ephemeral = new MemorySessionStore();
  /** Least recently used first. */
  readonly #open = new Map<string, OpenSession>();
  /** Where each session goes on in this process: another one may write another branch meanwhile. */
  readonly #heads = new Map<string, string | null>();

  constructor(stored: SessionStore) {
    this.#stored = stored;
  }

  create(isEphemeral: boolean, model: Model | null): SessionView {
    const session = { id: randomUUID(), title: '', createdAt: Date.now() };
    (isEphemeral ? this.#ephemeral : this.#stored).create(session);
    return this.view(session.id, model);
  }

  list(): SessionSummary[] {
    return this.#stored.list();
  }

  /** @throws AnchorageError `invalidInput` for a session that is not there. */
  view(id: string, model: Model | null): SessionView {
    const session = this.read(id);
    const open = this.#open.get(id);
    const budget = budgetOf(model);
    return {
      id,
      title: session.title,
      exchanges: shownExchanges(session),
      memory: open ? memoryView(id, open.memory, budget) : unreadView(id, sequencesOf(session), budget),
    };
  }

  memoryView(id: string, memory: SessionMemory, model: Model | null): MemoryView {
    return memoryView(id, memory, budgetOf(model));
  }

  /** The session's context and what is in it; empty where the session was not used since the model was loaded. */
  open(id: string, model: Model): OpenSession {
    const open = this.#open.get(id) ?? this.#opened(this.read(id), model);
    this.#open.delete(id);
    this.#open.set(id, open);
    if (this.#open.size > contextLimit) this.#releaseOldest(id);
    return open;
  }

  /** The session's context, if it has one. */
  opened(id: string): OpenSession | undefined {
    return this.#open.get(id);
  }

  /** The store that a session is in. */
  storeOf(id: string): SessionStore {
    return this.#ephemeral.title(id) === undefined ? this.#stored : this.#ephemeral;
  }

  append(id: string, turn: StoredTurn): void {
    this.storeOf(id).appendTurn(id, turn);
    this.#heads.set(id, turn.exchange.id);
  }

  /** @throws AnchorageError `invalidInput` for a session that is not there. */
  read(id: string): StoredSession {
    const session = this.storeOf(id).read(id);
    if (session === undefined) throw noSession(id);
    const headId = this.#heads.get(id) ?? session.headId;
    this.#heads.set(id, headId);
    return { ...session, headId };
  }

  /** The exchange that the next one follows. */
  head(id: string): string | null {
    return this.#heads.get(id) ?? null;
  }

  /** Goes on from another exchange, with the sequences up to there. */
  select(id: string, headId: string): void {
    this.storeOf(id).selectHead(id, headId);
    this.#heads.set(id, headId);
    this.#open.get(id)?.memory.follow(sequencesOf(this.read(id)));
  }

  import(session: StoredSession, attachments: ReadonlyMap<string, readonly Attachment[]>): void {
    this.#stored.importSession(session, attachments);
  }

  search(query: string, limit: number): SearchHit[] {
    return this.#stored.search(query, limit);
  }

  /** Text of an exchange's attachments. */
  attachments(id: string, exchangeId: string): Attachment[] {
    return this.storeOf(id).attachments(exchangeId);
  }

  /** @throws AnchorageError `invalidInput` for a session that is not there. */
  title(id: string): string {
    const title = this.storeOf(id).title(id);
    if (title === undefined) throw noSession(id);
    return title;
  }

  has(id: string): boolean {
    return this.storeOf(id).title(id) !== undefined;
  }

  async delete(id: string): Promise<void> {
    this.close(id);
    this.#heads.delete(id);
    const store = this.storeOf(id);
    store.delete(id);
    await store.eraseRemoved();
  }

  /** Frees a session's context, which is made again when it is wanted. */
  close(id: string): void {
    const open = this.#open.get(id);
    this.#open.delete(id);
    open?.memory.context.release();
  }

  /** Drops all contexts: they belong to a model that goes. */
  closeAll(): void {
    for (const id of [...this.#open.keys()]) this.close(id);
  }

  /** Closes the stores too. */
  end(): void {
    this.closeAll();
    this.#stored.close();
  }

  /** Closes the session used longest ago, but not `keep`; false when there is none. */
  #releaseOldest(keep: string): boolean {
    const oldest = [...this.#open.keys()].find((id) => id !== keep);
    if (oldest === undefined) return false;
    this.close(oldest);
    return true;
  }

  #opened(session: StoredSession, model: Model): OpenSession {
    const { id } = session;
    const store = this.storeOf(id);
    const memory = new SessionMemory({
      context: model.createContext(),
      keys: model.keys,
      store: {
        keepsAnchors: store === this.#stored,
        readAnchors: (key) => store.readAnchors(key),
        hasAnchors: (key) => store.hasAnchors(key),
        write: (held, anchors) => store.writeHoldings(id, held, anchors),
      },
      defaults: model.defaults,
      workRows: model.workRows,
      encode: (text) => model.encode(text),
      sequences: sequencesOf(session),
      canSpill: model.canSpill,
      heldRows: model.heldRows,
      makeWay: () => this.#releaseOldest(id),
    });
    return { memory, rehydrator: new Rehydrator(memory) };
  }
}

/** Sequences of the branch that is shown. */
export function sequencesOf(session: StoredSession): SessionSequence[] {
  return pathOf(session).flatMap(({ sequences }) => sequences);
}

function budgetOf(model: Model | null): BudgetView {
  const { limit, used, largest } = model?.budget ?? { limit: 0, used: 0, largest: 0 };
  return { budget: limit, budgetUsed: used, budgetLargest: largest };
}
