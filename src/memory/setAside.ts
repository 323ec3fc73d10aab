import {
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  linkSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { SqliteSessionStore } from './sqliteSessionStore.ts';
import type { RecoveredSession } from './recoverSessions.ts';

/** Why a file is set aside: the word in its new name. */
export type AsideReason = 'damaged' | 'foreign';

const filesOf = (database: string): string[] => ['', '-wal', '-shm', '-journal'].map((end) => `${database}${end}`);

/**
 * Puts a new file of sessions in the place of one that is set aside, unharmed, beside it:
 *
 * 1. the new one is written whole under a name of its own (`sessions.recovering`);
 * 2. renamed to `sessions.<reason>-<date>.recovered`, it is a promise that whoever opens the folder keeps (`finishAside`):
 * 3. the old file gets its second name `sessions.<reason>-<date>.sqlite`, its log goes with it, and the new one takes
 *    its place in one step.
 *
 * So at any moment the place has a whole file, the old or the new, and being killed loses nothing. The caller keeps
 * other processes out.
 *
 * @returns where the old file is.
 */
export async function setAside(
  file: string,
  reason: AsideReason,
  sessions: readonly RecoveredSession[],
): Promise<string> {
  const partial = `${withoutExtension(file)}.recovering`;
  for (const leftover of filesOf(partial)) rmSync(leftover, { force: true });
  const store = await SqliteSessionStore.open(partial);
  try {
    for (const { session, attachments } of sessions) store.importSession(session, attachments);
  } finally {
    store.close();
  }
  flush(partial);
  renameSync(partial, newName(file, reason));
  const [aside] = finishAside(file);
  if (aside === undefined) throw new Error(`${partial} vanished`);
  return aside;
}

/**
 * Does what is left of step 3.
 *
 * @returns where the old files are, the last one first.
 */
export function finishAside(file: string): string[] {
  return promises(file).map((promise) => {
    const aside = promise.replace(/recovered$/, 'sqlite');
    if (!existsSync(aside)) giveName(file, aside);
    for (const end of ['-wal', '-journal']) {
      if (existsSync(`${file}${end}`) && !existsSync(`${aside}${end}`)) renameSync(`${file}${end}`, `${aside}${end}`);
    }
    // They would be taken for the new file's. A second log is an empty one of a process that has only looked.
    for (const end of ['-wal', '-journal', '-shm']) rmSync(`${file}${end}`, { force: true });
    rmSync(copyOf(aside), { force: true });
    renameSync(promise, file);
    return aside;
  });
}

/** Whether something of `setAside` is left to do. */
export function isAsidePending(file: string): boolean {
  return promises(file).length > 0;
}

function promises(file: string): string[] {
  const folder = dirname(file);
  const stem = basename(withoutExtension(file));
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder).filter((name) => name.startsWith(`${stem}.`) && name.endsWith('.recovered'));
  return names.sort().map((name) => join(folder, name));
}

/** A name that no file has that was set aside earlier. */
function newName(file: string, reason: AsideReason): string {
  const date = new Date().toISOString().slice(0, 10);
  for (let count = 1; ; count++) {
    const name = `${withoutExtension(file)}.${reason}-${date}${count === 1 ? '' : `-${count}`}`;
    if (!filesOf(`${name}.sqlite`).some((taken) => existsSync(taken))) return `${name}.recovered`;
  }
}

/** A second name for the same file; where the file system has no such thing, a copy that is there whole or not at all. */
function giveName(file: string, name: string): void {
  if (!existsSync(file)) return;
  try {
    linkSync(file, name);
  } catch {
    const copy = copyOf(name);
    copyFileSync(file, copy);
    flush(copy);
    renameSync(copy, name);
  }
}

function copyOf(name: string): string {
  return `${name}.copy`;
}

function flush(file: string): void {
  const opened = openSync(file, 'r+');
  try {
    fsyncSync(opened);
  } finally {
    closeSync(opened);
  }
}

function withoutExtension(file: string): string {
  return file.replace(/\.sqlite$/, '');
}
