import { mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** A folder that nobody touched for so long was left by a run that was killed. */
const abandonedMs = 60 * 60 * 1000;

/**
 * Runs `work` with an empty folder on the disk of the cache, so that what is made in it can be renamed into place, and
 * removes the folder. What killed runs left is removed as well.
 *
 * @template T
 * @param {string} cacheFolder
 * @param {(folder: string) => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withWorkFolder(cacheFolder, work) {
  const parent = join(cacheFolder, 'work');
  await mkdir(parent, { recursive: true });
  for (const name of await readdir(parent)) {
    const path = join(parent, name);
    const age = await stat(path).then(
      ({ mtimeMs }) => Date.now() - mtimeMs,
      () => 0,
    );
    if (age > abandonedMs) await rm(path, { recursive: true, force: true });
  }
  const folder = await mkdtemp(join(parent, 'run-'));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
