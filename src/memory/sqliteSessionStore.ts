import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import { z } from 'zod';
import { AnchorageError, messageOf } from '../protocol/errors.ts';
import type { SessionSummary } from '../protocol/worker.ts';
import { isLocked, lockedRemedy, openDatabase } from './openDatabase.ts';
import { transaction } from './schema.ts';
import type { SessionSequence } from './sessionSequence.ts';
import type { NewSession, SessionStore, StoredSession, StoredTurn } from './sessionStore.ts';
import {
  anchorRowSchema,
  attachmentRowSchema,
  exchangeRowSchema,
  sequenceRowSchema,
  sessionRowSchema,
  summaryRowSchema,
  titleRowSchema,
} from './storedRows.ts';

const statements = {
  list: `SELECT s.id, s.title, s.updated_at AS updatedAt, count(e.id) AS exchanges FROM sessions s
    JOIN exchanges e ON e.session_id = s.id GROUP BY s.id ORDER BY s.updated_at DESC, s.rowid DESC`,
  create: 'INSERT INTO sessions (id, title, created_at, updated_at) VALUES (?, ?, ?, ?)',
  session: 'SELECT id, title, created_at AS createdAt, updated_at AS updatedAt FROM sessions WHERE id = ?',
  title: 'SELECT title FROM sessions WHERE id = ?',
  exchanges: `SELECT id, question, answer, stop_reason AS stopReason, usage FROM exchanges
    WHERE session_id = ? ORDER BY position`,
  attachments: `SELECT a.exchange_id AS exchangeId, a.kind, a.path, a.language_id AS languageId,
      a.start_line AS startLine, length(a.text) - length(replace(a.text, char(10), '')) + (a.text NOT LIKE '%' || char(10)) AS lines
    FROM attachments a JOIN exchanges e ON e.id = a.exchange_id WHERE e.session_id = ? ORDER BY e.position, a.position`,
  sequences: `SELECT id, text, tokens, ratio, choice, independent, anchor_key AS anchorKey FROM sequences
    WHERE session_id = ? ORDER BY position`,
  touch: 'UPDATE sessions SET title = ?, updated_at = ? WHERE id = ?',
  addExchange: `INSERT INTO exchanges (id, session_id, position, question, answer, stop_reason, usage)
    VALUES (?1, ?2, (SELECT count(*) FROM exchanges WHERE session_id = ?2), ?3, ?4, ?5, ?6)`,
  addAttachment: `INSERT INTO attachments (exchange_id, position, kind, path, language_id, start_line, text)
    VALUES (?, ?, ?, ?, ?, ?, ?)`,
  addSequence: `INSERT INTO sequences (id, session_id, position, text, tokens, ratio, choice, independent, anchor_key)
    VALUES (?1, ?2, (SELECT count(*) FROM sequences WHERE session_id = ?2), ?3, ?4, ?5, ?6, ?7, ?8)`,
  delete: 'DELETE FROM sessions WHERE id = ?',
  anchors: 'SELECT bytes FROM anchors WHERE key = ?',
  writeAnchors: 'INSERT OR REPLACE INTO anchors (key, written_at, bytes) VALUES (?, ?, ?)',
  sealed: 'UPDATE sequences SET ratio = ?, choice = ?, anchor_key = ? WHERE id = ?',
  deleteOrphans: 'DELETE FROM anchors WHERE NOT EXISTS (SELECT 1 FROM sequences WHERE anchor_key = anchors.key)',
} as const;

type StatementName = keyof typeof statements;

/** Sessions in an SQLite file. Text is written before anchors, each turn in one transaction. */
export class SqliteSessionStore implements SessionStore {
  readonly #folder: string;
  readonly #database: DatabaseSync;
  readonly #prepared = new Map<StatementName, StatementSync>();

  private constructor(folder: string, database: DatabaseSync) {
    this.#folder = folder;
    this.#database = database;
  }

  /** @throws AnchorageError or SQLite's error when the file cannot be opened, is damaged or of a newer build. */
  static async open(folder: string, file: string): Promise<SqliteSessionStore> {
    return new SqliteSessionStore(folder, await openDatabase(file));
  }

  list(): SessionSummary[] {
    return this.#all('list', summaryRowSchema);
  }

  create({ id, title, createdAt }: NewSession): void {
    this.#run('create', id, title, createdAt, createdAt);
  }

  title(id: string): string | undefined {
    return this.#all('title', titleRowSchema, id)[0]?.title;
  }

  read(id: string): StoredSession | undefined {
    const [session] = this.#all('session', sessionRowSchema, id);
    if (session === undefined) return undefined;
    const attachments = this.#all('attachments', attachmentRowSchema, id);
    const exchanges = this.#all('exchanges', exchangeRowSchema, id).map((exchange) => ({
      ...exchange,
      attachments: attachments
        .filter((attachment) => attachment.exchangeId === exchange.id)
        .map(({ exchangeId: _, ...attachment }) => attachment),
    }));
    return { ...session, exchanges, sequences: this.#all('sequences', sequenceRowSchema, id) };
  }

  appendTurn(sessionId: string, { title, updatedAt, exchange, attachments, sequences }: StoredTurn): void {
    this.#transaction(() => {
      this.#run('touch', title, updatedAt, sessionId);
      const { id, question, answer, stopReason, usage } = exchange;
      this.#run('addExchange', id, sessionId, question, answer, stopReason, JSON.stringify(usage));
      attachments.forEach((attachment, position) => {
        const { kind, path, languageId, startLine, text } = attachment;
        this.#run('addAttachment', id, position, kind, path, languageId, startLine, text);
      });
      for (const sequence of sequences) {
        const { id: sequenceId, text, tokens, ratio, choice, independent, anchorKey } = sequence;
        const flag = independent ? 1 : 0;
        this.#run('addSequence', sequenceId, sessionId, JSON.stringify(text), tokens, ratio, choice, flag, anchorKey);
      }
    });
  }

  delete(id: string): void {
    this.#transaction(() => {
      this.#run('delete', id);
      this.#run('deleteOrphans');
      this.#database.exec('PRAGMA incremental_vacuum');
    });
    // The pages are overwritten by now, but the log still has what stood in them before.
    this.#guarded(() => this.#database.exec('PRAGMA wal_checkpoint(TRUNCATE)'));
  }

  readAnchors(key: string): Uint8Array | undefined {
    return this.#all('anchors', anchorRowSchema, key)[0]?.bytes;
  }

  writeAnchors({ id, ratio, choice, anchorKey }: SessionSequence, bytes: Uint8Array): void {
    if (anchorKey === null) return;
    this.#transaction(() => {
      this.#run('writeAnchors', anchorKey, Date.now(), bytes);
      this.#run('sealed', ratio, choice, anchorKey, id);
    });
  }

  close(): void {
    if (!this.#database.isOpen) return;
    this.#run('deleteOrphans');
    this.#database.close();
  }

  #statement(name: StatementName): StatementSync {
    const prepared = this.#prepared.get(name) ?? this.#database.prepare(statements[name]);
    this.#prepared.set(name, prepared);
    return prepared;
  }

  #run(name: StatementName, ...values: SQLInputValue[]): void {
    this.#guarded(() => this.#statement(name).run(...values));
  }

  #all<S extends z.ZodType>(name: StatementName, schema: S, ...values: SQLInputValue[]): z.output<S>[] {
    return this.#guarded(() =>
      this.#statement(name)
        .all(...values)
        .map((row) => schema.parse(row)),
    );
  }

  #transaction(work: () => void): void {
    this.#guarded(() => transaction(this.#database, work));
  }

  #guarded<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (AnchorageError.is(error)) throw error;
      throw new AnchorageError(
        'storageUnavailable',
        `The sessions in ${this.#folder} cannot be read or written: ${reasonOf(error)}.`,
        isLocked(error) ? lockedRemedy : 'Check that the folder is writable and the disk has space.',
        { cause: error },
      );
    }
  }
}

function reasonOf(error: unknown): string {
  return error instanceof z.ZodError ? `a row is damaged (${error.issues[0]?.path.join('.') ?? ''})` : messageOf(error);
}
