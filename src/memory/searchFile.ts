import { z } from 'zod';
import type { SearchHit, SessionSummary } from '../protocol/worker.ts';
import { hitOf, searchDocuments } from './sessionSearch.ts';
import type { SearchDocument } from './sessionSearch.ts';
import { searchWords } from './searchWords.ts';
import type { SearchWord } from './searchWords.ts';
import type { StoreDatabase } from './storeDatabase.ts';
import { documentRowSchema } from './storedRows.ts';

const columns = 'd.session_id AS sessionId, d.exchange_id AS exchangeId, d.text';
const statements = {
  all: `SELECT ${columns} FROM documents d ORDER BY d.id DESC`,
  sessionsWithPrefix: `SELECT DISTINCT d.session_id AS id FROM search JOIN documents d ON d.id = search.rowid
    WHERE search MATCH ?`,
  sessionsWithText: 'SELECT DISTINCT session_id AS id FROM documents WHERE instr(text, ?)',
  byRank: `SELECT ${columns} FROM search JOIN documents d ON d.id = search.rowid WHERE search MATCH ?
    ORDER BY search.rank`,
  withText: `SELECT ${columns} FROM documents d WHERE instr(d.text, ?) ORDER BY d.id DESC`,
} as const;

const idRow = z.object({ id: z.string() });

export interface FileSearchOptions {
  /** Without it every document is read. */
  readonly hasIndex: boolean;
  readonly summaryOf: (sessionId: string) => SessionSummary | undefined;
}

/** Searches the sessions of a file: those that have all the words, by their best text with any of them. */
export function searchFile(
  database: StoreDatabase,
  query: string,
  limit: number,
  { hasIndex, summaryOf }: FileSearchOptions,
): SearchHit[] {
  if (!hasIndex) {
    return searchDocuments(database.each(statements.all, documentRowSchema), query, limit, summaryOf);
  }
  const words = searchWords(query);
  const left = sessionsWithAll(database, words);
  const hits: SearchHit[] = [];
  for (const document of bestDocuments(database, words)) {
    if (hits.length >= limit || left.size === 0) break;
    if (!left.delete(document.sessionId)) continue;
    const hit = hitOf(document, words, summaryOf);
    if (hit !== undefined) hits.push(hit);
  }
  return hits;
}

function sessionsWithAll(database: StoreDatabase, words: readonly SearchWord[]): Set<string> {
  const sessions = words.map((word) => {
    const rows =
      word.kind === 'literal'
        ? database.all(statements.sessionsWithText, idRow, word.text)
        : database.all(statements.sessionsWithPrefix, idRow, matchOf(word.tokens));
    return new Set(rows.map(({ id }) => id));
  });
  const [first = new Set<string>(), ...rest] = sessions;
  return new Set([...first].filter((id) => rest.every((others) => others.has(id))));
}

/** The best first, and every document of them that has a word. */
function* bestDocuments(database: StoreDatabase, words: readonly SearchWord[]): Generator<SearchDocument> {
  const prefixes = words.flatMap((word) => (word.kind === 'prefix' ? [matchOf(word.tokens)] : []));
  if (prefixes.length > 0) yield* database.each(statements.byRank, documentRowSchema, prefixes.join(' OR '));
  const [literal] = words.flatMap((word) => (word.kind === 'literal' ? [word.text] : []));
  if (literal !== undefined) yield* database.each(statements.withText, documentRowSchema, literal);
}

/** In FTS5's syntax, in which nothing inside quotes has a meaning; tokens have no quotes. */
function matchOf(tokens: readonly string[]): string {
  return `"${tokens.join(' ')}" *`;
}
