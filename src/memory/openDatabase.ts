import type { DatabaseSync, DatabaseSyncOptions } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import { migrate } from './schema.ts';
import { defineFunctions } from './searchIndex.ts';

/** Bytes of pages that SQLite keeps in memory for a store. */
export const storeCacheBytes = 2 * 1024 * 1024;

/**
 * Milliseconds that a statement waits for another process's transaction. Opening is tried again for as long, since
 * SQLite itself does not wait where two processes switch a new file to WAL.
 */
const patience = 2000;
const pause = 50;

const vacuumRow = z.object({ auto_vacuum: z.int() });
const codeSchema = z.object({ errcode: z.int() });

/** What is to be done where `isLocked`. */
export const lockedRemedy = 'Another program holds it locked: end other windows and programs that use the folder.';

/**
 * Opens an SQLite file of sessions at this build's schema. It must be known to be sound and ours (`inspectDatabase`):
 * opening it writes to it.
 *
 * @param hasIndex false where a Node without FTS5 is to be had: the index's tables are then tables like others.
 * @throws AnchorageError or SQLite's error when it cannot be opened, is locked, or of a newer build.
 */
export async function openDatabase(file: string, hasIndex = true): Promise<DatabaseSync> {
  return whileLocked(async () => {
    const database = await newDatabase(file, { defensive: hasIndex });
    return closedOnError(database, () => {
      // Before anything is written, since a file keeps what it began with: room that a deleted session took is given back.
      const { auto_vacuum: vacuum } = vacuumRow.parse(database.prepare('PRAGMA auto_vacuum').get());
      if (vacuum === 0) database.exec('PRAGMA auto_vacuum = INCREMENTAL');
      database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;');
      // What is deleted is overwritten, so that a private text is gone when its session is.
      database.exec('PRAGMA secure_delete = ON');
      if (migrate(database)) database.exec('PRAGMA incremental_vacuum');
    });
  });
}

/**
 * Opens an SQLite file so that nothing can be written to it. Where its folder does not take the files that reading a
 * WAL needs, the file is read without them: what was never moved into it from the log is then not seen.
 */
export async function openReadOnly(file: string): Promise<DatabaseSync> {
  const read = async (location: string | URL): Promise<DatabaseSync> => {
    const database = await newDatabase(location, { readOnly: true });
    return closedOnError(database, () => database.prepare('SELECT count(*) FROM sqlite_master').get());
  };
  return whileLocked(async () => {
    try {
      return await read(file);
    } catch (error) {
      const unreadable = [readOnly, cannotOpen];
      if (!unreadable.includes(codeOf(error))) throw error;
      return await read(new URL(`${pathToFileURL(file).href}?immutable=1`));
    }
  });
}

/** SQLITE_BUSY and SQLITE_LOCKED. */
export function isLocked(error: unknown): boolean {
  return [5, 6].includes(codeOf(error));
}

/** SQLITE_CORRUPT and SQLITE_NOTADB. */
export function isDamaged(error: unknown): boolean {
  return [11, 26].includes(codeOf(error));
}

const readOnly = 8;
const cannotOpen = 14;

/** SQLite's result code, without its extension; 0 for an error that is not SQLite's. */
function codeOf(error: unknown): number {
  const parsed = codeSchema.safeParse(error);
  return parsed.success ? parsed.data.errcode & 0xff : 0;
}

async function newDatabase(location: string | URL, options: DatabaseSyncOptions): Promise<DatabaseSync> {
  // Imported late: on a Node without SQLite the worker still runs, with its sessions in memory.
  const sqlite = await import('node:sqlite');
  const database = new sqlite.DatabaseSync(location, {
    ...options,
    timeout: patience,
    enableForeignKeyConstraints: true,
  });
  return closedOnError(database, () => {
    // Sorting must not leave texts in temporary files.
    database.exec(`PRAGMA temp_store = MEMORY; PRAGMA cache_size = ${-storeCacheBytes / 1024}`);
    defineFunctions(database);
  });
}

function closedOnError(database: DatabaseSync, prepare: () => void): DatabaseSync {
  try {
    prepare();
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Tries again while another process holds a lock. */
export async function whileLocked<T>(open: () => Promise<T>): Promise<T> {
  for (const begin = performance.now(); ;) {
    try {
      return await open();
    } catch (error) {
      if (!isLocked(error) || performance.now() - begin > patience) throw error;
    }
    await sleep(pause);
  }
}
