import { accessSync, constants, existsSync, mkdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { AnchorageError, messageOf } from '../protocol/errors.ts';
import { isDamaged, isLocked, lockedRemedy, whileLocked } from './openDatabase.ts';
import { MemorySessionStore } from './memorySessionStore.ts';
import { repairFolder } from './repairFolder.ts';
import { newerSchema } from './schema.ts';
import type { SessionStore } from './sessionStore.ts';
import { SqliteSessionStore } from './sqliteSessionStore.ts';

export interface OpenedStore {
  readonly store: SessionStore;
  /**
   * What the user has to know of a folder, naming the folder or file and the remedy: that a file was set aside, that
   * sessions are only read, or that they are kept in memory only. Else null.
   */
  readonly warning: string | null;
}

const fileName = 'sessions.sqlite';

/**
 * Opens the sessions of a folder. A damaged file is set aside and what can be read of it is recovered; one that is not
 * ours is set aside; what cannot be written, or is of a newer build, is read only. Where nothing can be read (no
 * access, a Node without SQLite), sessions go on in memory, and the folder's file stays as it is.
 *
 * @param folder null keeps sessions in memory, without a warning.
 */
export async function openSessionStore(folder: string | null): Promise<OpenedStore> {
  if (folder === null) return { store: new MemorySessionStore(), warning: null };
  const file = join(folder, fileName);
  try {
    makeFolder(resolve(folder));
    const refusal = refusalOf(folder, file);
    if (refusal !== null) return await readOnlyStore(folder, file, refusal);
    let warning: string | null = null;
    return await whileLocked(async () => {
      const { state, warning: repaired } = await repairFolder(file);
      warning = repaired ?? warning; // A lock after it must not make it unsaid.
      if (state.kind === 'newer') return readOnlyStore(folder, file, newerSchema(state.version));
      return { store: await SqliteSessionStore.open(file), warning };
    });
  } catch (error) {
    return { store: new MemorySessionStore(), warning: warningOf(folder, error) };
  }
}

async function readOnlyStore(folder: string, file: string, { message, remedy }: AnchorageError): Promise<OpenedStore> {
  const refusal = new AnchorageError(
    'storageUnavailable',
    `The sessions in ${folder} are only read: ${message}.`,
    remedy,
  );
  const store = await SqliteSessionStore.openReadOnly(file, refusal);
  return { store, warning: `${refusal.message} What is new is kept in memory until Anchorage ends. ${remedy}` };
}

/** Why a file that is there cannot be written; null where it can, or is still to be made. */
function refusalOf(folder: string, file: string): AnchorageError | null {
  const refusal = (what: string): AnchorageError =>
    new AnchorageError('storageUnavailable', `${what} cannot be written`, `Make ${what} writable and start again.`);
  if (!isWritable(folder)) {
    if (!existsSync(file)) throw refusal(folder);
    return refusal(folder);
  }
  return existsSync(file) && !isWritable(file) ? refusal(file) : null;
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK | constants.R_OK);
    return true;
  } catch {
    return false;
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
  if (isDamaged(error)) return `Move ${join(folder, fileName)} away; a new one is made at the next start.`;
  if (/sqlite/i.test(messageOf(error))) return 'Run the worker on Node 22.13 or later.';
  return 'Make the folder writable or choose another, and start again.';
}
