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
  {
    // A session was a list until here: it becomes a tree of one branch. Keys of anchors were made otherwise, so none of
    // the anchors would be found.
    name: 'sessions as trees, how sequences are held, last use of anchors, documents to search',
    sql: `
      ALTER TABLE sessions ADD COLUMN head_id TEXT;
      ALTER TABLE exchanges ADD COLUMN parent_id TEXT REFERENCES exchanges(id);
      ALTER TABLE exchanges ADD COLUMN rehydrated TEXT NOT NULL DEFAULT '[]';
      ALTER TABLE exchanges ADD COLUMN forgotten INTEGER NOT NULL DEFAULT 0;
      CREATE INDEX exchanges_by_parent ON exchanges(parent_id);
      ALTER TABLE attachments ADD COLUMN lines INTEGER NOT NULL DEFAULT 1;
      ALTER TABLE attachments ADD COLUMN symbol_lines TEXT NOT NULL DEFAULT '[]';
      ALTER TABLE sequences ADD COLUMN exchange_id TEXT REFERENCES exchanges(id) ON DELETE CASCADE;
      ALTER TABLE sequences ADD COLUMN spilled INTEGER NOT NULL DEFAULT 0;
      ALTER TABLE sequences ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0;
      ALTER TABLE sequences ADD COLUMN attention REAL NOT NULL DEFAULT 0;
      ALTER TABLE sequences ADD COLUMN used_at INTEGER NOT NULL DEFAULT 0;
      CREATE INDEX sequences_by_exchange ON sequences(exchange_id);

      WITH before AS (
        SELECT id, lag(id) OVER (PARTITION BY session_id ORDER BY position) AS parent_id FROM exchanges
      ) UPDATE exchanges SET parent_id = before.parent_id FROM before WHERE before.id = exchanges.id;
      UPDATE sessions SET head_id =
        (SELECT id FROM exchanges WHERE session_id = sessions.id ORDER BY position DESC LIMIT 1);
      UPDATE attachments SET lines = max(1, length(CAST(text AS BLOB))
        - length(CAST(replace(text, char(10), '') AS BLOB)) + (substr(CAST(text AS BLOB), -1) <> x'0a'));
      WITH turns AS (
        SELECT id, session_id, row_number() OVER (PARTITION BY session_id ORDER BY position) - 1 AS turn FROM exchanges
      ), kinds AS (
        SELECT id, session_id, position, iif(json_valid(text), text ->> '$.kind' = 'exchange', 0) AS is_last
        FROM sequences
      ), parts AS (
        SELECT id, session_id, sum(is_last) OVER (
          PARTITION BY session_id ORDER BY position ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) - is_last AS turn FROM kinds
      ) UPDATE sequences SET anchor_key = NULL, exchange_id = turns.id
        FROM parts JOIN turns USING (session_id, turn) WHERE parts.id = sequences.id;
      DELETE FROM sequences WHERE exchange_id IS NULL;

      DROP TABLE anchors;
      CREATE TABLE anchors (key TEXT PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
      CREATE TABLE anchor_uses (
        key TEXT PRIMARY KEY REFERENCES anchors(key) ON DELETE CASCADE,
        used_at INTEGER NOT NULL, size INTEGER NOT NULL, of_session INTEGER NOT NULL
      ) STRICT;

      CREATE TABLE documents (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        session_id TEXT NOT NULL REFERENCES sessions(id) ON DELETE CASCADE,
        exchange_id TEXT REFERENCES exchanges(id) ON DELETE CASCADE,
        sequence_id TEXT REFERENCES sequences(id) ON DELETE CASCADE,
        text TEXT NOT NULL, parts TEXT NOT NULL
      ) STRICT;
      CREATE INDEX documents_by_session ON documents(session_id, exchange_id);
      CREATE INDEX documents_by_exchange ON documents(exchange_id);
      CREATE INDEX documents_by_sequence ON documents(sequence_id);
      INSERT INTO documents (session_id, text, parts)
        SELECT id, title, identifier_parts(title) FROM sessions WHERE title <> '';
      INSERT INTO documents (session_id, exchange_id, text, parts)
        SELECT session_id, id, question || char(10) || answer, identifier_parts(question || char(10) || answer)
        FROM exchanges;
      INSERT INTO documents (session_id, exchange_id, sequence_id, text, parts)
        SELECT session_id, exchange_id, id, body, identifier_parts(body) FROM (
          SELECT *, (text ->> '$.path') || char(10) || (text ->> '$.text') AS body FROM sequences
          WHERE iif(json_valid(text), text ->> '$.kind' = 'chunk', 0)
        );
    `,
  },
];

export const schemaVersion = migrations.length;

const versionRow = z.object({ version: z.int().min(0) });

/**
 * Brings a database to this build's schema, in one transaction that begins before the version is read: of two
 * processes that open a new file together, the second waits and finds it done.
 *
 * @param to an earlier schema, for trying out what becomes of older files.
 * @returns whether anything was to be done.
 * @throws AnchorageError `versionMismatch` when a newer build has written it: it is left as it is.
 */
export function migrate(database: DatabaseSync, to = schemaVersion): boolean {
  return transaction(database, () => {
    database.exec(
      'CREATE TABLE IF NOT EXISTS migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at INTEGER NOT NULL) STRICT',
    );
    const version = versionOf(database);
    if (version > schemaVersion) throw newerSchema(version);
    const record = database.prepare('INSERT INTO migrations (version, name, applied_at) VALUES (?, ?, ?)');
    migrations.slice(version, to).forEach((migration, index) => {
      database.exec(migration.sql);
      record.run(version + index + 1, migration.name, Date.now());
    });
    return version < to;
  });
}

/** The schema that a database with the table `migrations` is at. */
export function versionOf(database: DatabaseSync): number {
  const row = database.prepare('SELECT coalesce(max(version), 0) AS version FROM migrations').get();
  return versionRow.parse(row).version;
}

export function newerSchema(version: number): AnchorageError {
  return new AnchorageError(
    'versionMismatch',
    `its sessions were written by a newer Anchorage (schema ${version}, this one knows ${schemaVersion})`,
    'Update Anchorage, or choose another storage folder.',
  );
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
