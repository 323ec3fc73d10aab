import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { z } from 'zod';
import { decodeAnchors } from '../../src/memory/anchorBlob.ts';
import { openSessionStore } from '../../src/memory/openSessionStore.ts';
import { sequencesOf } from '../../src/worker/sessions.ts';
import type { Model } from '../../src/worker/model.ts';
import { median, rounded } from './report.ts';

const bytesRow = z.object({ anchors: z.int(), texts: z.int() });

/** Milliseconds that each step takes of placing a session from what is stored, by itself; medians of `repeats`. */
export async function measureParts(folder: string, model: Model, id: string, repeats = 5): Promise<object> {
  const rounds: Record<'session' | 'blobs' | 'decode' | 'memory' | 'place', number>[] = [];
  for (let n = 0; n < repeats; n++) {
    const { store } = await openSessionStore(folder);
    const clock = stopwatch();
    const stored = store.read(id);
    const session = clock();
    const keys = stored === undefined ? [] : sequencesOf(stored).flatMap(({ anchorKey }) => anchorKey ?? []);
    const blobs = keys.flatMap((key) => store.readAnchors(key) ?? []);
    const read = clock();
    const decoded = blobs.flatMap((bytes) => decodeAnchors(bytes) ?? []);
    const decode = clock();
    const context = model.createContext();
    await context.readPinned();
    clock();
    await context.makeRoom(decoded.reduce((sum, { sequence }) => sum + sequence.rows, 0));
    const memory = clock();
    for (const anchors of decoded) await context.importAnchors(anchors);
    rounds.push({ session, blobs: read, decode, memory, place: clock() });
    context.release();
    store.close();
  }
  const of = (pick: (round: (typeof rounds)[number]) => number): number => rounded(median(rounds.map(pick)), 3);
  return {
    readTextsMs: of(({ session }) => session),
    readAnchorsMs: of(({ blobs }) => blobs),
    verifyAndDecodeMs: of(({ decode }) => decode),
    allocateMs: of(({ memory }) => memory),
    placeMs: of(({ place }) => place),
  };
}

/** Bytes of the file, and of the anchors and texts in it. */
export function bytesOnDisk(folder: string): { file: number; anchors: number; texts: number } {
  const file = fileIn(folder);
  const database = new DatabaseSync(file, { readOnly: true });
  const row = database
    .prepare(
      `SELECT (SELECT coalesce(sum(length(bytes)), 0) FROM anchors) AS anchors,
        (SELECT coalesce(sum(length(CAST(text AS BLOB))), 0) FROM sequences) AS texts`,
    )
    .get();
  database.close();
  return { file: statSync(file).size, ...bytesRow.parse(row) };
}

/** Leaves the texts alone, as after an update that keys anchors otherwise. */
export function removeAnchors(folder: string): void {
  const database = new DatabaseSync(fileIn(folder));
  database.exec('DELETE FROM anchors; UPDATE sequences SET anchor_key = NULL');
  database.close();
}

/** Takes the file out of the system's cache, so that it is read from the disk; false where that is not to be had. */
export function dropFromCache(folder: string): boolean {
  try {
    const file = fileIn(folder);
    execFileSync('dd', [`of=${file}`, 'oflag=nocache', 'conv=notrunc,fdatasync', 'count=0'], { stdio: 'ignore' });
    execFileSync('dd', [`if=${file}`, 'iflag=nocache', 'count=0'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

function fileIn(folder: string): string {
  return join(folder, 'sessions.sqlite');
}

/** Milliseconds since it was last asked. */
function stopwatch(): () => number {
  let last = performance.now();
  return () => {
    const now = performance.now();
    const passed = now - last;
    last = now;
    return passed;
  };
}
