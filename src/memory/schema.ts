import type { DatabaseSync } from 'node:sqlite';
import { z } from 'zod';
import { AnchorageError } from '../protocol/errors.ts';

interface Migration {
  readonly name: string;
  readonly sql: string;
}

/** Applied in order, each once, never changed after a release: version n is the state after the n-th. */
const migrations: readonly Migration[] = [
  {
    name: 'sessions, exchanges, attachments, sequences, anchors',
    sql: `
      CREATE TABLE sessions (
        id TEXT PRIMARY KEY, title TEXT NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL
      ) STRICT;
      CREATE TABLE exchanges (
        id TEXT PRIMARY KEY,
        session_id TEXT NOT NULL REFERENCES sessions(id) ON DELETE CASCADE,
        position INTEGER NOT NULL, question TEXT NOT NULL, answer TEXT NOT NULL, stop_reason TEXT NOT NULL,
        usage TEXT NOT NULL,
        UNIQUE (session_id, position)
      ) STRICT;
      CREATE TABLE attachments (
        exchange_id TEXT NOT NULL REFERENCES exchanges(id) ON DELETE CASCADE,
        position INTEGER NOT NULL, kind TEXT NOT NULL, path TEXT NOT NULL, language_id TEXT NOT NULL,
        start_line INTEGER NOT NULL, text TEXT NOT NULL,
        PRIMARY KEY (exchange_id, position)
      ) STRICT;
      CREATE TABLE sequences (
        id TEXT PRIMARY KEY,
        session_id TEXT NOT NULL REFERENCES sessions(id) ON DELETE CASCADE,
        position INTEGER NOT NULL, text TEXT NOT NULL, tokens INTEGER NOT NULL,
        ratio INTEGER NOT NULL, choice TEXT NOT NULL, independent INTEGER NOT NULL, anchor_key TEXT,
        UNIQUE (session_id, position)
      ) STRICT;
      CREATE INDEX sequences_by_anchor ON sequences(anchor_key);
      CREATE TABLE anchors (key TEXT PRIMARY KEY, written_at INTEGER NOT NULL, bytes BLOB NOT NULL) STRICT;
    `,
  },
];

export const schemaVersion = migrations.length;

const versionRow = z.object({ version: z.int().min(0) });

/**
 * Brings a database to this build's schema, in one transaction that begins before the version is read: of two
 * processes that open a new file together, the second waits and finds it done.
 *
 * @throws AnchorageError `versionMismatch` when a newer build has written it: it is left as it is.
 */
export function migrate(database: DatabaseSync): void {
  transaction(database, () => {
    database.exec(
      'CREATE TABLE IF NOT EXISTS migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at INTEGER NOT NULL) STRICT',
    );
    const { version } = versionRow.parse(
      database.prepare('SELECT coalesce(max(version), 0) AS version FROM migrations').get(),
    );
    if (version > schemaVersion) {
      throw new AnchorageError(
        'versionMismatch',
        `its sessions were written by a newer Anchorage (schema ${version}, this one knows ${schemaVersion})`,
        'Update Anchorage, or choose another storage folder.',
      );
    }
    const record = database.prepare('INSERT INTO migrations (version, name, applied_at) VALUES (?, ?, ?)');
    migrations.slice(version).forEach((migration, index) => {
      database.exec(migration.sql);
      record.run(version + index + 1, migration.name, Date.now());
    });
  });
}

/** Runs `work` as one transaction: all of it is kept, or nothing. */
export function transaction<T>(database: DatabaseSync, work: () => T): T {
  database.exec('BEGIN IMMEDIATE');
  try {
    const result = work();
    database.exec('COMMIT');
    return result;
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}
