import { AnchorageError } from '../protocol/errors.ts';
import type { BatchRow } from '../protocol/batch.ts';
import type { BatchContext, Model } from './model.ts';
import { throughStore } from './throughStore.ts';

export interface ChunkOptions {
  readonly signal: AbortSignal;
  /** Called after each chunk with the tokens read so far. */
  readonly onProgress: (done: number) => void;
}

/** Tokens of a row's chunks, but for those that it leaves out. */
export function chunksOf(model: Model, { mode, chunks }: BatchRow): (readonly number[])[] {
  if (mode === 'none') return [];
  return chunks.map((chunk) => chunkTokens(model, chunk)).filter((ids) => ids.length > 0);
}

/**
 * Reads chunks into a context as the row says, in place of those of the row before, or after as many of them as are the
 * same and need not be read again.
 */
export async function readChunks(
  model: Model,
  batch: BatchContext,
  row: BatchRow,
  chunks: readonly (readonly number[])[],
  { signal, onProgress }: ChunkOptions,
): Promise<void> {
  const { context } = batch;
  const { independent, storedAs } = row;
  const { ratio = model.defaults.ratio, choice = model.defaults.choice } = row;
  const wanted = namesOf({ ...row, ratio, choice }, chunks);
  const same = row.reuse ? sharedLength(wanted, batch.held.slice(0, context.sequences.length)) : 0;
  context.truncateTo(same);
  batch.held = wanted.slice(0, same);
  let done = chunks.slice(0, same).reduce((sum, ids) => sum + ids.length, 0);
  onProgress(done);
  if (row.mode === 'kept' && same < chunks.length) {
    if (row.keep === undefined) throw new AnchorageError('invalidInput', 'keep: is needed with mode kept.');
    await batch.readKept(chunks, { keep: row.keep, ratio, seed: row.seed ?? 0, independent, signal, onProgress });
    batch.held = wanted;
    return;
  }
  for (const [index, ids] of chunks.entries()) {
    if (index < same) continue;
    if (row.mode === 'full') await context.keepWhole(ids, { independent, signal });
    else await context.seal(ids, { ratio, choice, independent, signal });
    if (storedAs !== undefined) await throughStore(context, storedAs, signal);
    batch.held = wanted.slice(0, index + 1);
    done += ids.length;
    onProgress(done);
  }
}

/** A name for each chunk that only the same one has, read in the same way. */
function namesOf(
  { mode, ratio, choice, keep, seed, independent, storedAs }: BatchRow,
  chunks: readonly (readonly number[])[],
): string[] {
  // Which rows are kept depends on all chunks: one cannot stay without the others.
  const together = mode === 'kept' ? chunks : null;
  const how = JSON.stringify({ mode, ratio, choice, keep, seed, independent, storedAs, together });
  return chunks.map((ids) => `${how} ${ids.join(' ')}`);
}

/** How many names both begin with. */
function sharedLength(wanted: readonly string[], held: readonly string[]): number {
  const differs = wanted.findIndex((name, index) => name !== held[index]);
  return differs < 0 ? wanted.length : differs;
}

function chunkTokens(model: Model, chunk: BatchRow['chunks'][number]): readonly number[] {
  if (typeof chunk === 'string') return model.encodeText(chunk);
  return model.encode({ kind: 'exchange', question: chunk.user, answer: chunk.assistant });
}
