import { mkdir, open, readFile, rm, stat, utimes } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** How often a holder touches its lock file, in milliseconds. */
const heartbeatMs = 2_000;
/** A lock file untouched for this long has lost its holder, whoever now runs under the process id in it. */
const staleMs = 30_000;
/** A takeover lasts a few file operations; a guard this old was left by a process that died in between. */
const guardStaleMs = 10_000;

/**
 * Runs `work` while this process alone holds the lock file at `path`.
 * A lock whose holder died is taken over; a live one is waited for, however long its work takes.
 *
 * @template T
 * @param {string} path
 * @param {() => Promise<T>} work
 * @param {{ onWait?: (holder: number | undefined) => void, pollMs?: number }} [options] `onWait` is told once, with the holder's process id
 * @returns {Promise<T>}
 */
export async function withFileLock(path, work, { onWait, pollMs = 200 } = {}) {
  await mkdir(dirname(path), { recursive: true });
  let told = false;
  while (!(await tryCreate(path))) {
    if (await isStale(path)) {
      await removeStale(path);
      continue;
    }
    if (!told) {
      told = true;
      onWait?.(await holderOf(path));
    }
    await sleep(pollMs);
  }
  const heartbeat = setInterval(() => {
    const now = new Date();
    void utimes(path, now, now).catch(() => undefined);
  }, heartbeatMs);
  heartbeat.unref();
  try {
    return await work();
  } finally {
    clearInterval(heartbeat);
    await rm(path, { force: true });
  }
}

/** @param {string} path */
async function tryCreate(path) {
  try {
    const file = await open(path, 'wx');
    await file.writeFile(`${process.pid}\n`);
    await file.close();
    return true;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
    throw error;
  }
}

/** @param {string} path */
async function isStale(path) {
  const age = await ageOf(path);
  if (age === undefined) return false;
  if (age > staleMs) return true;
  const holder = await holderOf(path);
  // A lock file just created may not have its process id yet: only the heartbeat can tell.
  return holder !== undefined && !isAlive(holder);
}

/**
 * Removes a stale lock under a guard, so that of two that see it stale none removes the other's fresh lock.
 *
 * @param {string} path
 */
async function removeStale(path) {
  const guard = `${path}.takeover`;
  if (!(await tryCreate(guard))) {
    const age = await ageOf(guard);
    if (age !== undefined && age > guardStaleMs) await rm(guard, { force: true });
    await sleep(50);
    return;
  }
  try {
    if (await isStale(path)) await rm(path, { force: true });
  } finally {
    await rm(guard, { force: true });
  }
}

/**
 * @param {string} path
 * @returns {Promise<number | undefined>} milliseconds since the file was touched; undefined if there is none
 */
async function ageOf(path) {
  try {
    return Date.now() - (await stat(path)).mtimeMs;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** @param {string} path */
async function holderOf(path) {
  const text = await readFile(path, 'utf8').catch(() => '');
  const id = Number.parseInt(text, 10);
  return Number.isInteger(id) && id > 0 ? id : undefined;
}

/** @param {number} processId */
function isAlive(processId) {
  try {
    process.kill(processId, 0);
    return true;
  } catch (error) {
    // EPERM: it lives, but belongs to another user.
    return hasCode(error, 'EPERM');
  }
}

/**
 * @param {unknown} error
 * @param {string} code
 */
function hasCode(error, code) {
  return error instanceof Error && 'code' in error && error.code === code;
}
