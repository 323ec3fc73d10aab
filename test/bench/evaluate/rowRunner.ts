import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { physicalCores } from '../../../src/engine/onnxRuntime.ts';
import { AnchorageError } from '../../../src/protocol/errors.ts';
import type { Variant } from '../../../src/protocol/packageManifest.ts';
import type { PackageName } from './arms.ts';
import { BatchProcess } from './batchProcess.ts';
import type { RowInput } from './item.ts';
import { RowCache, type RowOutcome } from './rowCache.ts';
import { shares } from './shares.ts';

/** More processes than these are not started: each holds the weights. */
const mostProcesses = 4;

/**
 * Runs rows on packages, each by `batch` processes that are started when they are first needed; keeps what they gave. A
 * process for every core takes three quarters of the time that one on two cores takes.
 */
export class RowRunner {
  /** Rows that were computed, and those that were known from an earlier run. */
  readonly counts = { computed: 0, known: 0 };
  readonly #folders: Readonly<Partial<Record<PackageName, string>>>;
  readonly #variant: Variant;
  readonly #cacheFolder: string;
  readonly #processes = new Map<PackageName, readonly BatchProcess[]>();
  readonly #caches = new Map<string, RowCache>();

  readonly #onlyKnown: boolean;

  constructor(
    folders: Readonly<Partial<Record<PackageName, string>>>,
    { variant, cacheFolder, onlyKnown }: { variant: Variant; cacheFolder: string; onlyKnown: boolean },
  ) {
    this.#folders = folders;
    this.#variant = variant;
    this.#cacheFolder = cacheFolder;
    this.#onlyKnown = onlyKnown;
  }

  /** What each row gives, in their order; null where nothing is to be run, and it is not known from an earlier run. */
  async run(name: PackageName, rows: readonly RowInput[], onDone: () => void): Promise<(RowOutcome | null)[]> {
    const caches = {
      anchors: await this.#cacheOf(name, 'package'),
      other: await this.#cacheOf(name, 'decoder'),
    };
    const cacheOf = (row: RowInput): RowCache => caches[isReadByAnchors(row) ? 'anchors' : 'other'];
    const missing = new Map<string, RowInput>();
    for (const row of rows) {
      const cache = cacheOf(row);
      if (cache.get(row) === undefined) missing.set(cache.keyOf(row), row);
    }
    this.counts.known += rows.length - missing.size;
    if (missing.size > 0 && !this.#onlyKnown) {
      const take = (row: RowInput, outcome: RowOutcome): void => {
        cacheOf(row).add(row, outcome);
        this.counts.computed++;
        onDone();
      };
      const processes = this.#processesOf(name);
      const waiting = shares([...missing.values()], processes.length);
      await Promise.all(
        processes.map(async (each) => {
          for (let share = waiting.shift(); share !== undefined; share = waiting.shift()) await each.run(share, take);
        }),
      );
    }
    return rows.map((row) => cacheOf(row).get(row) ?? null);
  }

  async end(): Promise<void> {
    await Promise.all([...this.#processes.values()].flat().map((each) => each.end()));
  }

  #processesOf(name: PackageName): readonly BatchProcess[] {
    const known = this.#processes.get(name);
    if (known !== undefined) return known;
    const cores = physicalCores();
    const count = Math.min(cores, mostProcesses);
    const threads = Math.floor(cores / count);
    const started = Array.from({ length: count }, () => new BatchProcess(this.#folder(name), this.#variant, threads));
    this.#processes.set(name, started);
    return started;
  }

  async #cacheOf(name: PackageName, part: PackagePart): Promise<RowCache> {
    const key = `${name}/${part}`;
    const known = this.#caches.get(key);
    if (known !== undefined) return known;
    const identity = await packageIdentity(this.#folder(name), this.#variant, part);
    const cache = new RowCache(join(this.#cacheFolder, `${identity.slice(0, 16)}.jsonl`), identity);
    this.#caches.set(key, cache);
    return cache;
  }

  #folder(name: PackageName): string {
    const folder = this.#folders[name];
    if (folder === undefined) throw new AnchorageError('internal', `There is no package ${name}.`);
    return folder;
  }
}

/** What a row's result hangs on: where no anchors are chosen, another scorer changes nothing. */
export type PackagePart = 'package' | 'decoder';

const withScorer = /onnx\/scorer\.|anchorage_package\.json$/u;

function isReadByAnchors({ mode = 'anchors' }: RowInput): boolean {
  return mode === 'anchors';
}

/**
 * A hash of a package's files and the variant. `anchorage_package.json` names the hash of every file: it is left out
 * with the scorer.
 *
 * @throws AnchorageError `modelMissing`.
 */
export async function packageIdentity(folder: string, variant: Variant, part: PackagePart): Promise<string> {
  const sums = await readFile(join(folder, 'SHA256SUMS'), 'utf8').catch((error: unknown) => {
    const remedy = 'Convert a model with `npm run cli -- convert`, or name another folder.';
    throw new AnchorageError('modelMissing', `There is no package in ${folder}.`, remedy, { cause: error });
  });
  const lines = sums.split('\n').filter((line) => part === 'package' || !withScorer.test(line));
  return createHash('sha256')
    .update(`${variant}\n${lines.join('\n')}`)
    .digest('hex');
}
