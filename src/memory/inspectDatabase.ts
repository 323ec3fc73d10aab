import { existsSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { z } from 'zod';
import { messageOf } from '../protocol/errors.ts';
import { isDamaged, openReadOnly } from './openDatabase.ts';
import { schemaVersion, versionOf } from './schema.ts';
import { hasTable } from './searchIndex.ts';

/** What a file in the place of ours is. */
export type FileState =
  | { readonly kind: 'missing' | 'sound' | 'foreign' }
  | { readonly kind: 'newer'; readonly version: number }
  | { readonly kind: 'damaged'; readonly reason: string };

const checkRow = z.object({ quick_check: z.string() });
const countRow = z.object({ tables: z.int() });

/**
 * Looks at a file without writing to it.
 *
 * @throws SQLite's error where it can be neither read nor known to be damaged: locked, a folder, no access.
 */
export async function inspectDatabase(file: string): Promise<FileState> {
  if (!existsSync(file)) return { kind: 'missing' };
  let database: DatabaseSync | undefined;
  try {
    database = await openReadOnly(file);
    return stateOf(database);
  } catch (error) {
    if (isDamaged(error)) return { kind: 'damaged', reason: messageOf(error) };
    throw error;
  } finally {
    database?.close();
  }
}

function stateOf(database: DatabaseSync): FileState {
  const { tables } = countRow.parse(database.prepare('SELECT count(*) AS tables FROM sqlite_master').get());
  if (tables === 0) return { kind: 'sound' };
  if (!hasTable(database, 'migrations') || !hasTable(database, 'sessions')) return { kind: 'foreign' };
  const version = versionOf(database);
  if (version > schemaVersion) return { kind: 'newer', version };
  const { quick_check: result } = checkRow.parse(database.prepare('PRAGMA quick_check(1)').get());
  // The index is made again where it is not in step, and is no reason to set texts aside.
  return result === 'ok' || /fts5/i.test(result) ? { kind: 'sound' } : { kind: 'damaged', reason: result };
}
