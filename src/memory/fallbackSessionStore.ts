import { AnchorageError, messageOf } from '../protocol/errors.ts';
import type { Attachment, SearchHit, SessionSummary } from '../protocol/worker.ts';
import { HeldSessions } from './heldSessions.ts';
import { documentsOf, searchDocuments } from './sessionSearch.ts';
import type { HeldSequence, NewSession, SessionStore, StoredSession, StoredTurn } from './sessionStore.ts';

/**
 * Holds what a store cannot write at the time (a full disk, a locked file, a folder that has become read-only, a file
 * that is only read), and writes it as soon as the store takes it again: with the session's next turn, in idle time,
 * and at the end.
 *
 * Turns and new sessions are held, and which branch is shown. Anchors and how sequences are held are dropped: they can
 * be made again. What the user does to a stored session (renaming, forgetting, deleting, importing) fails with the
 * store's error, since it would be taken for done.
 */
export class FallbackSessionStore implements SessionStore {
  readonly #store: SessionStore;
  readonly #held = new HeldSessions();
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
    return this.#held.listed(this.#store.list());
  }

  create(session: NewSession): void {
    this.#held.create(session);
    this.#write(session.id);
  }

  title(id: string): string | undefined {
    return this.#held.title(id) ?? this.#store.title(id);
  }

  read(id: string): StoredSession | undefined {
    return this.#held.read(id, () => this.#store.read(id));
  }

  attachments(exchangeId: string): Attachment[] {
    return this.#held.attachments(exchangeId) ?? this.#store.attachments(exchangeId);
  }

  appendTurn(sessionId: string, turn: StoredTurn): void {
    this.#held.append(sessionId, turn);
    this.#write(sessionId);
  }

  /** While anything is held, the store is not even tried: a locked file takes seconds to refuse. */
  writeHoldings(
    sessionId: string,
    held: readonly HeldSequence[],
    anchors?: readonly { readonly key: string; readonly bytes: Uint8Array }[],
  ): void {
    this.#held.hold(sessionId, held);
    if (this.#held.isEmpty) this.#tried(() => this.#store.writeHoldings(sessionId, held, anchors));
  }

  rename(id: string, title: string): void {
    if (!this.#held.isNew(id)) this.#store.rename(id, title);
    this.#held.rename(id, title);
  }

  selectHead(id: string, exchangeId: string): void {
    this.#held.selectHead(id, exchangeId);
    this.#write(id);
  }

  /** A title that is held may be the words, as may the stored one: both are replaced. */
  forget(sessionId: string, sequenceId: string, title: string): void {
    if (!this.#held.isNew(sessionId)) this.#store.forget(sessionId, sequenceId, title);
    this.#held.forget(sessionId, sequenceId, title);
  }

  importSession(session: StoredSession, attachments: ReadonlyMap<string, readonly Attachment[]>): void {
    this.#store.importSession(session, attachments);
  }

  search(query: string, limit: number): SearchHit[] {
    const stored = this.#store.search(query, limit);
    if (this.#held.isEmpty) return stored;
    const listed = new Map(this.list().map((summary) => [summary.id, summary]));
    const held = this.#held.ids.flatMap((id) => this.read(id) ?? []);
    const hits = searchDocuments(held.flatMap(documentsOf), query, limit, (id) => listed.get(id));
    return [...hits, ...stored.filter(({ session }) => !this.#held.has(session.id))].slice(0, Math.max(0, limit));
  }

  delete(id: string): void {
    if (!this.#held.isNew(id)) this.#store.delete(id);
    this.#held.delete(id);
    this.#settle();
  }

  eraseRemoved(signal?: AbortSignal): Promise<void> {
    return this.#store.eraseRemoved(signal);
  }

  readAnchors(key: string): Uint8Array | undefined {
    return this.#store.readAnchors(key);
  }

  hasAnchors(key: string): boolean {
    return this.#store.hasAnchors(key);
  }

  writeAnchors(key: string, bytes: Uint8Array): void {
    if (this.#held.isEmpty) this.#tried(() => this.#store.writeAnchors(key, bytes));
  }

  /** Tries again to write what is held, until something of it fails. */
  writeHeld(): void {
    for (const id of this.#held.ids) if (!this.#write(id)) return;
  }

  close(): void {
    this.writeHeld();
    this.#store.close();
  }

  #write(id: string): boolean {
    return this.#tried(() => this.#held.writeTo(this.#store, id));
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
    if (this.#held.isEmpty) this.#tell(null);
  }

  #tell(problem: string | null): void {
    const isNews = (problem === null) !== (this.#problem === null);
    this.#problem = problem;
    if (isNews) this.#onProblem(problem);
  }
}
