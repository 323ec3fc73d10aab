import type { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { AnchorageError } from '../protocol/errors.ts';
import { migrate } from './schema.ts';

/**
 * Milliseconds that a statement waits for another process's transaction. Opening is tried again for as long, since
 * SQLite itself does not wait where two processes switch a new file to WAL.
 */
const patience = 2000;
const pause = 50;

const vacuumRow = z.object({ auto_vacuum: z.int() });

/** What is to be done where `isLocked`. */
export const lockedRemedy = 'Another program holds it locked: end other windows and programs that use the folder.';

/**
 * Opens an SQLite file of sessions at this build's schema.
 *
 * @throws AnchorageError or SQLite's error when it cannot be opened, is damaged, locked, or of a newer build.
 */
export async function openDatabase(file: string): Promise<DatabaseSync> {
  // Imported late: on a Node without SQLite the worker still runs, with its sessions in memory.
  const sqlite = await import('node:sqlite');
  const begin = performance.now();
  for (;;) {
    const database = new sqlite.DatabaseSync(file, { timeout: patience, enableForeignKeyConstraints: true });
    try {
      prepare(database);
      return database;
    } catch (error) {
      database.close();
      if (!isLocked(error) || performance.now() - begin > patience) throw error;
    }
    await sleep(pause);
  }
}

/** SQLITE_BUSY and SQLITE_LOCKED, whatever their extension. */
export function isLocked(error: unknown): boolean {
  const parsed = z.object({ errcode: z.int() }).safeParse(error);
  return parsed.success && [5, 6].includes(parsed.data.errcode & 0xff);
}

function prepare(database: DatabaseSync): void {
  // Before anything is written, since a file keeps what it began with: room that a deleted session took is given back.
  const { auto_vacuum: vacuum } = vacuumRow.parse(database.prepare('PRAGMA auto_vacuum').get());
  if (vacuum === 0) database.exec('PRAGMA auto_vacuum = INCREMENTAL');
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;');
  // What is deleted is overwritten, so that a private text is gone when its session is.
  database.exec('PRAGMA secure_delete = ON');
  checkIntegrity(database);
  migrate(database);
}

function checkIntegrity(database: DatabaseSync): void {
  const row = z.object({ quick_check: z.string() }).parse(database.prepare('PRAGMA quick_check(1)').get());
  if (row.quick_check !== 'ok') {
    throw new AnchorageError('storageUnavailable', `its database is damaged (${row.quick_check})`);
  }
}
