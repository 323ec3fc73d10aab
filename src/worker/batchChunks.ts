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

/** Reads chunks into a context as the row says. */
export async function readChunks(
  model: Model,
  batch: BatchContext,
  row: BatchRow,
  chunks: readonly (readonly number[])[],
  { signal, onProgress }: ChunkOptions,
): Promise<void> {
  const { independent, storedAs } = row;
  const { ratio = model.defaults.ratio, choice = model.defaults.choice } = row;
  if (row.mode === 'kept') {
    if (row.keep === undefined) throw new AnchorageError('invalidInput', 'keep: is needed with mode kept.');
    return batch.readKept(chunks, { keep: row.keep, ratio, seed: row.seed ?? 0, independent, signal, onProgress });
  }
  const { context } = batch;
  let done = 0;
  for (const ids of chunks) {
    if (row.mode === 'full') await context.keepWhole(ids, { independent, signal });
    else await context.seal(ids, { ratio, choice, independent, signal });
    if (storedAs !== undefined) await throughStore(context, storedAs, signal);
    done += ids.length;
    onProgress(done);
  }
}

function chunkTokens(model: Model, chunk: BatchRow['chunks'][number]): readonly number[] {
  if (typeof chunk === 'string') return model.encodeText(chunk);
  return model.encode({ kind: 'exchange', question: chunk.user, answer: chunk.assistant });
}
