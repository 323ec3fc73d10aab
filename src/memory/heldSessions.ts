import type { Attachment, SessionSummary } from '../protocol/worker.ts';
import { without } from './forgetting.ts';
import { emptySession, withTurn } from './sessionStore.ts';
import type { HeldSequence, NewSession, SessionStore, StoredSession, StoredTurn } from './sessionStore.ts';
import { withHoldings } from './storedSession.ts';

/** What of a session could not be written yet. */
interface Held {
  /** Null once the session itself is in the store. */
  created: NewSession | null;
  /** In order. */
  turns: StoredTurn[];
  /** The head that was chosen after the last turn. */
  headId: string | null;
}

/** Sessions, turns and choices of a branch that wait for a store to take them. */
export class HeldSessions {
  readonly #held = new Map<string, Held>();

  get isEmpty(): boolean {
    return this.#held.size === 0;
  }

  get ids(): string[] {
    return [...this.#held.keys()];
  }

  has(id: string): boolean {
    return this.#held.has(id);
  }

  /** Nothing of it is in the store. */
  isNew(id: string): boolean {
    return (this.#held.get(id)?.created ?? null) !== null;
  }

  create(session: NewSession): void {
    this.#held.set(session.id, { created: session, turns: [], headId: null });
  }

  append(id: string, turn: StoredTurn): void {
    const held = this.#of(id);
    held.turns.push(turn);
    held.headId = null;
  }

  selectHead(id: string, exchangeId: string): void {
    this.#of(id).headId = exchangeId;
  }

  /** The store's list, with what is held. */
  listed(stored: readonly SessionSummary[]): SessionSummary[] {
    const sessions = new Map(stored.map((session) => [session.id, session]));
    for (const [id, { turns }] of this.#held) {
      const last = turns.at(-1);
      if (last === undefined) continue;
      const exchanges = (sessions.get(id)?.exchanges ?? 0) + turns.length;
      sessions.set(id, { id, title: last.title, updatedAt: last.updatedAt, exchanges });
    }
    return [...sessions.values()].sort((a, b) => b.updatedAt - a.updatedAt);
  }

  /** Undefined where the store's title is the session's. */
  title(id: string): string | undefined {
    const held = this.#held.get(id);
    return held?.turns.at(-1)?.title ?? held?.created?.title;
  }

  /** @param stored the session as the store has it. */
  read(id: string, stored: () => StoredSession | undefined): StoredSession | undefined {
    const held = this.#held.get(id);
    if (held === undefined) return stored();
    const session = held.created === null ? stored() : emptySession(held.created);
    if (session === undefined) return undefined;
    const { headId, ...rest } = held.turns.reduce(withTurn, session);
    return { ...rest, headId: held.headId ?? headId };
  }

  /** Undefined where the exchange is not held. */
  attachments(exchangeId: string): Attachment[] | undefined {
    for (const { turns } of this.#held.values()) {
      const turn = turns.find(({ exchange }) => exchange.id === exchangeId);
      if (turn !== undefined) return [...turn.attachments];
    }
    return undefined;
  }

  hold(id: string, held: readonly HeldSequence[]): void {
    this.#changeTurns(id, (turn) => ({ ...turn, exchange: withHoldings(turn.exchange, held) }));
  }

  rename(id: string, title: string): void {
    const held = this.#held.get(id);
    if (held?.created) held.created = { ...held.created, title };
    this.#changeTurns(id, (turn) => ({ ...turn, title }));
  }

  forget(id: string, sequenceId: string, title: string): void {
    this.rename(id, title);
    this.#changeTurns(id, (turn) => ({ ...turn, ...without(sequenceId, turn) }));
  }

  delete(id: string): void {
    this.#held.delete(id);
  }

  /** @throws what the store throws; what it has taken is no longer held. */
  writeTo(store: SessionStore, id: string): void {
    const held = this.#held.get(id);
    if (held === undefined) return;
    if (held.created !== null) {
      store.create(held.created);
      held.created = null;
    }
    // A session that another process has deleted takes no turns any more.
    if (store.title(id) === undefined) held.turns.length = 0;
    for (let turn = held.turns[0]; turn !== undefined; turn = held.turns[0]) {
      store.appendTurn(id, turn);
      held.turns.shift();
    }
    if (held.headId !== null) store.selectHead(id, held.headId);
    this.#held.delete(id);
  }

  #of(id: string): Held {
    const held = this.#held.get(id) ?? { created: null, turns: [], headId: null };
    this.#held.set(id, held);
    return held;
  }

  #changeTurns(id: string, change: (turn: StoredTurn) => StoredTurn): void {
    const held = this.#held.get(id);
    if (held !== undefined) held.turns = held.turns.map(change);
  }
}
