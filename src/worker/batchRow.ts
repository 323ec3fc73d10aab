import { AnchorageError } from '../protocol/errors.ts';
import type { GenerateOptions } from '../engine/generation.ts';
import type { BatchResult, BatchRow } from '../protocol/batch.ts';
import { samplingSchema } from '../protocol/sampling.ts';
import type { BatchContext, Model } from './model.ts';
import { throughStore } from './throughStore.ts';

export interface BatchOptions {
  readonly signal: AbortSignal;
  /** Called with the tokens read so far, and their number. */
  readonly onProgress: (done: number, total: number) => void;
}

/**
 * Runs one row of `batch`: chunks sealed one by one and reduced (or kept whole, or left out), then the question, or
 * the continuation to be scored. The context keeps its pinned prefix from row to row and nothing else.
 */
export async function runBatchRow(
  model: Model,
  batch: BatchContext,
  row: BatchRow,
  { signal, onProgress }: BatchOptions,
): Promise<BatchResult> {
  const chunks =
    row.mode === 'none' ? [] : row.chunks.map((chunk) => chunkTokens(model, chunk)).filter((ids) => ids.length > 0);
  const question = typeof row.question === 'string' ? model.encodeQuestion(row.question) : [];
  const total = chunks.reduce((sum, ids) => sum + ids.length, question.length);
  const { context } = batch;
  context.truncateTo(0);
  await context.readPinned(signal);

  const begin = performance.now();
  let done = 0;
  const { independent } = row;
  for (const ids of chunks) {
    if (row.mode === 'full') await context.keepWhole(ids, { independent, signal });
    else {
      const { ratio = model.defaults.ratio, choice = model.defaults.choice } = row;
      await context.seal(ids, { ratio, choice, independent, signal });
    }
    if (row.storedAs !== undefined) await throughStore(context, row.storedAs, signal);
    done += ids.length;
    onProgress(done, total);
  }
  if (question.length > 0) await context.read(question, { logits: 'last', signal });
  onProgress(total, total);
  const counted = {
    textTokens: context.textTokens,
    kvRows: context.rows,
    kvRowsFull: context.rowsFull,
    kvBytes: context.bytes,
    prefillMs: performance.now() - begin,
  };

  const { answer, decodeMs } =
    question.length > 0 && row.maxTokens > 0
      ? await answered(context, row, { texts: [...chunks, question], signal })
      : noAnswer;
  const scored = row.continuation ?? row.score;
  if (scored === undefined) return { id: row.id, answer, ...counted, decodeMs };
  if (decodeMs > 0) {
    context.dropLive();
    await context.read(question, { logits: 'last', signal });
  }
  const { logProb, tokens } = await batch.score(model.encodeText(scored), signal);
  if (tokens === 0) {
    const remedy = 'Give a text of at least two tokens: the first one of a continuation has nothing that predicts it.';
    throw new AnchorageError('invalidInput', 'continuation: there is no token to score.', remedy);
  }
  return { id: row.id, answer, ...counted, decodeMs, scoreLogProb: logProb, scoreTokens: tokens };
}

const noAnswer = { answer: '', decodeMs: 0 };

async function answered(
  context: BatchContext['context'],
  { maxTokens, speculate }: BatchRow,
  options: GenerateOptions,
): Promise<{ readonly answer: string; readonly decodeMs: number }> {
  const sampling = samplingSchema.parse({ maxTokens });
  const { text, stopReason, times } = await context.generate(sampling, { ...options, speculate });
  if (stopReason === 'cancelled') throw new AnchorageError('cancelled', 'The row was cancelled.');
  return { answer: text, decodeMs: times.decodeMs };
}

function chunkTokens(model: Model, chunk: BatchRow['chunks'][number]): readonly number[] {
  if (typeof chunk === 'string') return model.encodeText(chunk);
  return model.encode({ kind: 'exchange', question: chunk.user, answer: chunk.assistant });
}
