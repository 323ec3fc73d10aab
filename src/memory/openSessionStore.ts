import { accessSync, constants, existsSync, mkdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { AnchorageError, messageOf } from '../protocol/errors.ts';
import { MemorySessionStore } from './memorySessionStore.ts';
import type { SessionStore } from './sessionStore.ts';
import { isLocked, lockedRemedy } from './openDatabase.ts';
import { SqliteSessionStore } from './sqliteSessionStore.ts';

export interface OpenedStore {
  readonly store: SessionStore;
  /** Why sessions are kept in memory only though a folder was given, naming the folder and the remedy; else null. */
  readonly warning: string | null;
}

const fileName = 'sessions.sqlite';

/**
 * Opens the sessions of a folder. Where that fails (not writable, damaged, of a newer build, a Node without SQLite)
 * sessions go on in memory, and the folder's file stays as it is.
 *
 * @param folder null keeps sessions in memory, without a warning.
 */
export async function openSessionStore(folder: string | null): Promise<OpenedStore> {
  if (folder === null) return { store: new MemorySessionStore(), warning: null };
  try {
    makeFolder(resolve(folder));
    accessSync(folder, constants.W_OK | constants.R_OK);
    return { store: await SqliteSessionStore.open(folder, join(folder, fileName)), warning: null };
  } catch (error) {
    return { store: new MemorySessionStore(), warning: warningOf(folder, error) };
  }
}

/** As mkdir's `recursive`, which never returns where a file system denies a new folder with ENOENT (procfs). */
function makeFolder(folder: string): void {
  if (existsSync(folder)) return;
  const parent = dirname(folder);
  if (parent !== folder) makeFolder(parent);
  try {
    mkdirSync(folder);
  } catch (error) {
    if (!existsSync(folder)) throw error; // Another process may have made it meanwhile.
  }
}

function warningOf(folder: string, error: unknown): string {
  const remedy = AnchorageError.is(error) && error.remedy !== '' ? error.remedy : remedyFor(error, folder);
  return `Sessions cannot be stored in ${folder}: ${messageOf(error)}. They are kept in memory until Anchorage ends. ${remedy}`;
}

function remedyFor(error: unknown, folder: string): string {
  if (isLocked(error)) return lockedRemedy;
  const problem = messageOf(error);
  if (/damaged|malformed|not a database|corrupt/i.test(problem)) {
    return `Move ${join(folder, fileName)} away; a new one is made at the next start.`;
  }
  if (/sqlite/i.test(problem)) return 'Run the worker on Node 22.13 or later.';
  return 'Make the folder writable or choose another, and start again.';
}
