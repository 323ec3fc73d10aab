import type { Attachment, SearchHit, SessionSummary } from '../protocol/worker.ts';
import { without } from './forgetting.ts';
import { documentsOf, searchDocuments } from './sessionSearch.ts';
import { emptySession, withTurn } from './sessionStore.ts';
import type { HeldSequence, NewSession, SessionStore, StoredSession, StoredTurn } from './sessionStore.ts';
import { summaryOf, withHoldings } from './storedSession.ts';

/** Sessions for the life of the process: those that are not to be stored, and all where storage is unavailable. */
export class MemorySessionStore implements SessionStore {
  readonly #sessions = new Map<string, StoredSession>();
  /** By exchange. */
  readonly #attachments = new Map<string, readonly Attachment[]>();

  list(): SessionSummary[] {
    return [...this.#sessions.values()]
      .filter((session) => session.exchanges.length > 0)
      .sort((a, b) => b.updatedAt - a.updatedAt)
      .map(summaryOf);
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

  attachments(exchangeId: string): Attachment[] {
    return [...(this.#attachments.get(exchangeId) ?? [])];
  }

  appendTurn(sessionId: string, turn: StoredTurn): void {
    this.#change(sessionId, (session) => {
      this.#attachments.set(turn.exchange.id, turn.attachments);
      return withTurn(session, turn);
    });
  }

  writeHoldings(sessionId: string, held: readonly HeldSequence[]): void {
    this.#change(sessionId, (session) => ({
      ...session,
      exchanges: session.exchanges.map((exchange) => withHoldings(exchange, held)),
    }));
  }

  rename(id: string, title: string): void {
    this.#change(id, (session) => ({ ...session, title }));
  }

  selectHead(id: string, headId: string): void {
    this.#change(id, (session) =>
      session.exchanges.some((exchange) => exchange.id === headId) ? { ...session, headId } : session,
    );
  }

  forget(sessionId: string, sequenceId: string, title: string): void {
    this.#change(sessionId, (session) => {
      const exchanges = session.exchanges.map((exchange) => {
        const left = without(sequenceId, { exchange, attachments: this.attachments(exchange.id) });
        this.#attachments.set(exchange.id, left.attachments);
        return left.exchange;
      });
      return { ...session, title, exchanges };
    });
  }

  importSession(session: StoredSession, attachments: ReadonlyMap<string, readonly Attachment[]>): void {
    this.#sessions.set(session.id, session);
    for (const [exchangeId, texts] of attachments) this.#attachments.set(exchangeId, texts);
  }

  search(query: string, limit: number): SearchHit[] {
    const listed = new Map(this.list().map((summary) => [summary.id, summary]));
    const documents = [...this.#sessions.values()].flatMap(documentsOf);
    return searchDocuments(documents, query, limit, (id) => listed.get(id));
  }

  delete(id: string): void {
    for (const exchange of this.#sessions.get(id)?.exchanges ?? []) this.#attachments.delete(exchange.id);
    this.#sessions.delete(id);
  }

  async eraseRemoved(): Promise<void> {}

  readAnchors(): undefined {
    return undefined;
  }

  hasAnchors(): boolean {
    return false;
  }

  /** Anchors that are wanted stay in their context; others are made again. */
  writeAnchors(): void {}

  close(): void {
    this.#sessions.clear();
    this.#attachments.clear();
  }

  #change(id: string, change: (session: StoredSession) => StoredSession): void {
    const session = this.#sessions.get(id);
    if (session !== undefined) this.#sessions.set(id, change(session));
  }
}
