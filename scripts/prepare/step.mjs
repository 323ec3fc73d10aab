import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, rm, statfs, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { withFileLock } from './fileLock.mjs';
import { PreparationError } from './preparationError.mjs';
import { beginProgress, megabytes } from './progress.mjs';

/**
 * Something that has to be there before a target runs: made once, and made again only when its key changes.
 * `make` must be safe to interrupt: it works beside its output and renames it into place last.
 *
 * @typedef {object} Step
 * @property {string} name also the name of its stamp and its lock
 * @property {string} title what is being done, for the line of progress
 * @property {() => string | Promise<string>} key names everything that the output is made from
 * @property {() => boolean | Promise<boolean>} isPresent whether the output lies there, in whatever version
 * @property {() => boolean | Promise<boolean>} [isRight] whether an output without a stamp (made by hand) is the right one
 * @property {number} [neededBytes] free disk space that making it takes
 * @property {(progress: import('./progress.mjs').StepProgress) => Promise<void>} make
 */

/**
 * Does a step if it is not done. Two processes never do the same step at once; the second finds it done.
 *
 * @param {Step} step
 * @param {{ stateFolder: string, begin?: typeof beginProgress }} options `stateFolder` holds the stamps and locks
 * @returns {Promise<'current' | 'made'>}
 * @throws {PreparationError}
 */
export async function prepareStep(step, { stateFolder, begin = beginProgress }) {
  const key = await step.key();
  const stamp = stampFile(stateFolder, step.name);
  if (await isCurrent(step, stamp, key)) return 'current';

  return withFileLock(
    join(stateFolder, 'locks', step.name),
    async () => {
      if (await isCurrent(step, stamp, key)) return 'current';
      if (step.isRight !== undefined && (await step.isPresent()) && (await step.isRight())) {
        await writeStamp(stamp, key);
        return 'current';
      }
      if (step.neededBytes !== undefined) await requireFreeSpace(stateFolder, step.neededBytes, step.title);
      const progress = begin(step.title);
      try {
        // Some are made in place: if this run is killed, what it leaves must not pass for what the stamp names.
        await rm(stamp, { force: true });
        await step.make(progress);
        await writeStamp(stamp, key);
      } catch (error) {
        progress.end('failed');
        throw error;
      }
      progress.end('done');
      return 'made';
    },
    {
      onWait: (holder) =>
        process.stderr.write(`${step.title}: another run is at it (process ${holder ?? 'unknown'}); waiting for it\n`),
    },
  );
}

/**
 * What tells that a step is done; without it, the step is done again.
 *
 * @param {string} stateFolder
 * @param {string} name the step's
 */
export function stampFile(stateFolder, name) {
  return join(stateFolder, 'stamps', name);
}

/**
 * @param {Step} step
 * @param {string} stamp
 * @param {string} key
 */
async function isCurrent(step, stamp, key) {
  const found = await readFile(stamp, 'utf8').catch(() => undefined);
  return found === key && (await step.isPresent());
}

/**
 * @param {string} stamp
 * @param {string} key
 */
async function writeStamp(stamp, key) {
  await mkdir(dirname(stamp), { recursive: true });
  const partial = `${stamp}.${process.pid}`;
  await writeFile(partial, key);
  await rename(partial, stamp);
}

/**
 * @param {string} folder
 * @param {number} neededBytes
 * @param {string} title
 */
async function requireFreeSpace(folder, neededBytes, title) {
  await mkdir(folder, { recursive: true });
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  if (free >= neededBytes) return;
  throw new PreparationError(
    'noDiskSpace',
    `${title} needs ${megabytes(neededBytes)} of free disk space and ${folder} has ${megabytes(free)}. Free some space, then run the same command again.`,
  );
}

/**
 * @param {readonly (string | Uint8Array)[]} parts
 * @returns {string} one SHA-256 (hex) of the parts and their boundaries
 */
export function hashOf(parts) {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${part.length}:`).update(part);
  return hash.digest('hex');
}
