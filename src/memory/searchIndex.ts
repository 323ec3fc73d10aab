import type { DatabaseSync } from 'node:sqlite';
import { z } from 'zod';
import { transaction } from './schema.ts';
import { identifierParts } from './searchWords.ts';

/**
 * Keeps `documents` (what is searched: titles, exchanges, chunks) in step with the tables that the texts are in, within
 * their transactions. Rows that go take their documents with them by foreign keys.
 *
 * The triggers belong to the connection, not to the file: they call a function of this program.
 */
const documentTriggers = `
  CREATE TEMP TRIGGER title_added AFTER INSERT ON sessions WHEN new.title <> '' BEGIN
    INSERT INTO documents (session_id, text, parts) VALUES (new.id, new.title, identifier_parts(new.title));
  END;
  CREATE TEMP TRIGGER title_changed AFTER UPDATE OF title ON sessions WHEN new.title <> old.title BEGIN
    DELETE FROM documents WHERE session_id = new.id AND exchange_id IS NULL;
    INSERT INTO documents (session_id, text, parts)
      SELECT new.id, new.title, identifier_parts(new.title) WHERE new.title <> '';
  END;
  CREATE TEMP TRIGGER exchange_added AFTER INSERT ON exchanges WHEN new.forgotten = 0 BEGIN
    INSERT INTO documents (session_id, exchange_id, text, parts) VALUES (new.session_id, new.id,
      new.question || char(10) || new.answer, identifier_parts(new.question || char(10) || new.answer));
  END;
  CREATE TEMP TRIGGER exchange_forgotten AFTER UPDATE OF forgotten ON exchanges BEGIN
    DELETE FROM documents WHERE exchange_id = new.id AND sequence_id IS NULL;
  END;
  CREATE TEMP TRIGGER chunk_added AFTER INSERT ON sequences WHEN new.text ->> '$.kind' = 'chunk' BEGIN
    INSERT INTO documents (session_id, exchange_id, sequence_id, text, parts)
      SELECT new.session_id, new.exchange_id, new.id, body, identifier_parts(body)
      FROM (SELECT (new.text ->> '$.path') || char(10) || (new.text ->> '$.text') AS body);
  END;
`;

/**
 * The words of `documents`. Not part of the numbered schema: where SQLite has no FTS5, the file has to open all the
 * same. A document never changes and its id is never given again, so the two are in step where they have the same ids.
 */
const indexTable = `
  CREATE VIRTUAL TABLE IF NOT EXISTS search USING fts5 (
    text, parts, content = 'documents', content_rowid = 'id',
    tokenize = "unicode61 remove_diacritics 2 tokenchars '_'"
  );
`;
const indexTriggers = `
  CREATE TEMP TRIGGER document_added AFTER INSERT ON documents BEGIN
    INSERT INTO search (rowid, text, parts) VALUES (new.id, new.text, new.parts);
  END;
  CREATE TEMP TRIGGER document_removed AFTER DELETE ON documents WHEN is_followed() BEGIN
    INSERT INTO search (search, rowid, text, parts) VALUES ('delete', old.id, old.text, old.parts);
  END;
`;

/**
 * Taking a document out of the index so that nothing stays of it takes as long as indexing about so many anew, measured
 * on exchanges of 200 words.
 */
const removalCost = 50;

/** An index that another Node has made and this one cannot change keeps no words of what is removed: it is emptied. */
const emptyingTrigger = `
  CREATE TEMP TRIGGER document_removed AFTER DELETE ON documents BEGIN
    DELETE FROM search_data;
    DELETE FROM search_idx;
    DELETE FROM search_docsize;
  END;
`;

const idsRow = z.object({ documents: z.string(), indexed: z.string() });

/** The migrations and triggers call it. */
export function defineFunctions(database: DatabaseSync): void {
  database.function('identifier_parts', { deterministic: true }, (text) => identifierParts(String(text)));
}

/** An index that this connection keeps. */
export interface SearchIndex {
  /**
   * Within a transaction that removes documents: takes each out of the index, or makes the index anew where that is
   * sooner.
   *
   * @param removed documents that `work` removes, of the `all` that there are.
   */
  removing(removed: number, all: number, work: () => void): void;
}

/**
 * Makes this connection keep the index, and the index whole where it is not.
 *
 * @param hasIndex false as where SQLite has no FTS5: sessions work, and searching reads every document.
 * @returns null where there is no index to be asked.
 */
export function prepareSearch(database: DatabaseSync, hasIndex = hasFts5(database)): SearchIndex | null {
  database.exec(documentTriggers);
  if (!hasIndex) {
    if (hasTable(database, 'search')) database.exec(emptyingTrigger);
    return null;
  }
  let isFollowed = true;
  database.function('is_followed', () => (isFollowed ? 1 : 0));
  if (!hasTable(database, 'search') || !isInStep(database)) {
    transaction(database, () => {
      database.exec(indexTable);
      if (!isInStep(database)) rebuildIndex(database);
      database.exec("INSERT INTO search (search, rank) VALUES ('secure-delete', 1)");
    });
  }
  database.exec(indexTriggers);
  return {
    removing(removed, all, work) {
      isFollowed = removed * removalCost <= all - removed;
      try {
        work();
        if (!isFollowed) rebuildIndex(database);
      } finally {
        isFollowed = true;
      }
    },
  };
}

/** The index of a file that is only read; null where it cannot be asked. */
export function indexToRead(database: DatabaseSync): SearchIndex | null {
  const isThere = hasFts5(database) && hasTable(database, 'search') && hasTable(database, 'documents');
  return isThere && isInStep(database) ? { removing: (_removed, _all, work) => work() } : null;
}

/** Makes the index again from the documents: what was removed from them is in no part of it. */
function rebuildIndex(database: DatabaseSync): void {
  database.exec("INSERT INTO search (search) VALUES ('rebuild')");
}

export function hasTable(database: DatabaseSync, name: string): boolean {
  return database.prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?").get(name) !== undefined;
}

function hasFts5(database: DatabaseSync): boolean {
  return database.prepare("SELECT 1 FROM pragma_module_list WHERE name = 'fts5'").get() !== undefined;
}

function isInStep(database: DatabaseSync): boolean {
  // Sums as text: they may be past what a number holds.
  const row = database
    .prepare(
      `SELECT (SELECT count(*) || ' ' || coalesce(sum(id), 0) FROM documents) AS documents,
        (SELECT count(*) || ' ' || coalesce(sum(id), 0) FROM search_docsize) AS indexed`,
    )
    .get();
  const { documents, indexed } = idsRow.parse(row);
  return documents === indexed;
}
