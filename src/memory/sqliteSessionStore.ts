import type { Attachment, SearchHit, SessionSummary } from '../protocol/worker.ts';
import type { AnchorageError } from '../protocol/errors.ts';
import { AnchorTable } from './anchorTable.ts';
import { ExchangeTable } from './exchangeTable.ts';
import { openDatabase, openReadOnly } from './openDatabase.ts';
import { indexToRead, prepareSearch } from './searchIndex.ts';
import type { SearchIndex } from './searchIndex.ts';
import { searchFile } from './searchFile.ts';
import type { HeldSequence, NewSession, SessionStore, StoredSession, StoredTurn } from './sessionStore.ts';
import { StoreDatabase } from './storeDatabase.ts';
import { documentCountRowSchema, sessionRowSchema, summaryRowSchema, titleRowSchema } from './storedRows.ts';

const summaries = `SELECT s.id, s.title, s.updated_at AS updatedAt, count(e.id) AS exchanges FROM sessions s
  JOIN exchanges e ON e.session_id = s.id`;

const statements = {
  list: `${summaries} GROUP BY s.id ORDER BY s.updated_at DESC, s.rowid DESC`,
  summary: `${summaries} WHERE s.id = ? GROUP BY s.id`,
  create: 'INSERT INTO sessions (id, title, created_at, updated_at) VALUES (?, ?, ?, ?)',
  session: `SELECT id, title, created_at AS createdAt, updated_at AS updatedAt, coalesce(
      (SELECT id FROM exchanges WHERE id = head_id AND session_id = sessions.id),
      (SELECT id FROM exchanges WHERE session_id = sessions.id ORDER BY position DESC LIMIT 1)
    ) AS headId FROM sessions WHERE id = ?`,
  title: 'SELECT title FROM sessions WHERE id = ?',
  turn: 'UPDATE sessions SET title = ?, updated_at = ?, head_id = ? WHERE id = ?',
  rename: 'UPDATE sessions SET title = ? WHERE id = ?',
  selectHead:
    'UPDATE sessions SET head_id = ?1 WHERE id = ?2 AND EXISTS (SELECT 1 FROM exchanges WHERE id = ?1 AND session_id = ?2)',
  hold: `UPDATE sequences SET ratio = ?, choice = ?, anchor_key = ?, spilled = ?, pinned = ?, attention = ?, used_at = ?
    WHERE id = ? AND session_id = ?`,
  delete: 'DELETE FROM sessions WHERE id = ?',
  documents: `SELECT (SELECT count(*) FROM documents WHERE session_id = ?) AS own,
    (SELECT count(*) FROM documents) AS "all"`,
} as const;

export interface SqliteStoreOptions {
  /** Most bytes of anchors that no session names: of files read ahead, of other models and ratios. */
  readonly mostUnnamedAnchorBytes?: number;
  /** False as on a Node whose SQLite has no FTS5. */
  readonly hasIndex?: boolean;
}

/** Sessions in an SQLite file, each change in one transaction. */
export class SqliteSessionStore implements SessionStore {
  readonly #database: StoreDatabase;
  readonly #exchanges: ExchangeTable;
  readonly #anchors: AnchorTable;
  readonly #index: SearchIndex | null;
  /** Something is left of what was removed: by this process, or by one that ended before it had erased it. */
  #hasRemoved = false;

  private constructor(database: StoreDatabase, index: SearchIndex | null, mostUnnamedAnchorBytes = 256e6) {
    this.#database = database;
    this.#exchanges = new ExchangeTable(database);
    this.#anchors = new AnchorTable(database, mostUnnamedAnchorBytes);
    this.#index = index;
  }

  /**
   * @param file sound and ours, or not there yet: `inspectDatabase`.
   * @throws AnchorageError or SQLite's error when the file cannot be opened, or is of a newer build.
   */
  static async open(file: string, options: SqliteStoreOptions = {}): Promise<SqliteSessionStore> {
    const database = await openDatabase(file, options.hasIndex);
    try {
      const index = prepareSearch(database, options.hasIndex);
      const opened = new StoreDatabase(file, database, null);
      const store = new SqliteSessionStore(opened, index, options.mostUnnamedAnchorBytes);
      store.#hasRemoved = store.#anchors.hasCondemned;
      return store;
    } catch (error) {
      database.close();
      throw error;
    }
  }

  /**
   * Opens a file to be read only.
   *
   * @param refusal thrown at every write.
   * @throws AnchorageError or SQLite's error when it cannot be opened, or has no tables that this build can read.
   */
  static async openReadOnly(file: string, refusal: AnchorageError): Promise<SqliteSessionStore> {
    const database = await openReadOnly(file);
    try {
      const store = new SqliteSessionStore(new StoreDatabase(file, database, refusal), indexToRead(database));
      for (const { id } of store.list().slice(0, 1)) store.read(id);
      return store;
    } catch (error) {
      database.close();
      throw error;
    }
  }

  list(): SessionSummary[] {
    return this.#database.all(statements.list, summaryRowSchema);
  }

  create({ id, title, createdAt }: NewSession): void {
    this.#database.transaction(() => this.#database.run(statements.create, id, title, createdAt, createdAt));
  }

  title(id: string): string | undefined {
    return this.#database.get(statements.title, titleRowSchema, id)?.title;
  }

  read(id: string): StoredSession | undefined {
    const session = this.#database.get(statements.session, sessionRowSchema, id);
    return session && { ...session, exchanges: this.#exchanges.read(id) };
  }

  attachments(exchangeId: string): Attachment[] {
    return this.#exchanges.attachments(exchangeId);
  }

  appendTurn(sessionId: string, { title, updatedAt, exchange, attachments }: StoredTurn): void {
    this.#database.transaction(() => {
      this.#database.run(statements.turn, title, updatedAt, exchange.id, sessionId);
      this.#exchanges.add(sessionId, exchange, attachments);
      for (const { anchorKey } of exchange.sequences) if (anchorKey !== null) this.#anchors.claim(anchorKey);
    });
  }

  writeHoldings(
    sessionId: string,
    held: readonly HeldSequence[],
    anchors: readonly { readonly key: string; readonly bytes: Uint8Array }[] = [],
  ): void {
    this.#database.transaction(() => {
      for (const { id, holding } of held) {
        const { ratio, choice, anchorKey, spilled, pinned, attention, usedAt } = holding;
        const flags = [spilled ? 1 : 0, pinned ? 1 : 0];
        this.#database.run(statements.hold, ratio, choice, anchorKey, ...flags, attention, usedAt, id, sessionId);
        if (anchorKey !== null) this.#anchors.claim(anchorKey);
      }
      for (const { key, bytes } of anchors) this.#anchors.writeOf(sessionId, key, bytes);
      this.#anchors.trim();
    });
  }

  rename(id: string, title: string): void {
    this.#database.transaction(() => this.#database.run(statements.rename, title, id));
  }

  selectHead(id: string, exchangeId: string): void {
    this.#database.transaction(() => this.#database.run(statements.selectHead, exchangeId, id));
  }

  forget(sessionId: string, sequenceId: string, title: string): void {
    this.#database.transaction(() => {
      this.#exchanges.forget(sessionId, sequenceId);
      this.#database.run(statements.rename, title, sessionId);
      this.#anchors.condemnUnnamed();
    });
    this.#hasRemoved = true;
  }

  importSession(session: StoredSession, attachments: ReadonlyMap<string, readonly Attachment[]>): void {
    const { id, title, createdAt, updatedAt, headId, exchanges } = session;
    this.#database.transaction(() => {
      this.#database.run(statements.create, id, title, createdAt, updatedAt);
      for (const exchange of exchanges) this.#exchanges.add(id, exchange, attachments.get(exchange.id) ?? []);
      if (headId !== null) this.#database.run(statements.selectHead, headId, id);
    });
  }

  search(query: string, limit: number): SearchHit[] {
    return searchFile(this.#database, query, limit, {
      hasIndex: this.#index !== null,
      summaryOf: (id) => this.#database.get(statements.summary, summaryRowSchema, id),
    });
  }

  delete(id: string): void {
    this.#database.transaction(() => {
      const remove = (): void => this.#database.run(statements.delete, id);
      const counts = this.#database.get(statements.documents, documentCountRowSchema, id);
      if (this.#index === null || counts === undefined) remove();
      else this.#index.removing(counts.own, counts.all, remove);
      this.#anchors.condemnUnnamed();
    });
    this.#hasRemoved = true;
  }

  async eraseRemoved(signal?: AbortSignal): Promise<void> {
    if (!this.#hasRemoved) return;
    this.#hasRemoved = false;
    try {
      await this.#anchors.removeCondemned(signal);
      await this.#database.eraseFree(signal);
    } catch (error) {
      this.#hasRemoved = true;
      throw error;
    }
  }

  readAnchors(key: string): Uint8Array | undefined {
    return this.#anchors.read(key);
  }

  hasAnchors(key: string): boolean {
    return this.#anchors.has(key);
  }

  writeAnchors(key: string, bytes: Uint8Array): void {
    this.#database.transaction(() => this.#anchors.writeUnnamed(key, bytes));
  }

  close(): void {
    this.#database.close();
  }
}
