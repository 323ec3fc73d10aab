import { setTimeout as sleep } from 'node:timers/promises';
import { isLocked } from './openDatabase.ts';

/** Milliseconds: what another process does meanwhile reads a whole file of sessions and writes another. */
const patience = 60_000;
const pause = 50;

/**
 * Runs `work` while no other process does under the same lock file. The lock is SQLite's, that is the system's: it goes
 * with a process that is killed. The file stays, empty: who removes it would let two processes lock two files.
 *
 * @throws SQLite's error where another process holds the lock for too long.
 */
export async function aloneWith<T>(lockFile: string, work: () => Promise<T>): Promise<T> {
  const sqlite = await import('node:sqlite');
  const lock = new sqlite.DatabaseSync(lockFile);
  try {
    for (const begin = performance.now(); ;) {
      try {
        lock.exec('BEGIN EXCLUSIVE');
        break;
      } catch (error) {
        if (!isLocked(error) || performance.now() - begin > patience) throw error;
      }
      await sleep(pause);
    }
    return await work();
  } finally {
    lock.close();
  }
}
