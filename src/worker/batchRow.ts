import { AnchorageError } from '../protocol/errors.ts';
import type { GenerateOptions } from '../engine/generation.ts';
import type { BatchResult, BatchRow, ChoiceScore } from '../protocol/batch.ts';
import { samplingSchema } from '../protocol/sampling.ts';
import { chunksOf, readChunks } from './batchChunks.ts';
import type { BatchContext, Model } from './model.ts';

export interface BatchOptions {
  readonly signal: AbortSignal;
  /** Called with the tokens read so far, and their number. */
  readonly onProgress: (done: number, total: number) => void;
}

/**
 * Runs one row of `batch`: chunks sealed one by one and reduced (or kept whole, or left out), then the question or the
 * prompt, and its answer, or the texts to be scored. From row to row the
 * context keeps its pinned prefix, and chunks for a row that reuses them.
 */
export async function runBatchRow(
  model: Model,
  batch: BatchContext,
  row: BatchRow,
  { signal, onProgress }: BatchOptions,
): Promise<BatchResult> {
  const chunks = chunksOf(model, row);
  const asked = askedTokens(model, row);
  const total = chunks.reduce((sum, ids) => sum + ids.length, asked.length);
  const { context } = batch;
  context.dropLive();
  await context.readPinned(signal);

  const begin = performance.now();
  await readChunks(model, batch, row, chunks, { signal, onProgress: (done) => onProgress(done, total) });
  if (asked.length > 0) await context.read(asked, { logits: 'last', signal });
  onProgress(total, total);
  const counted = {
    textTokens: context.textTokens,
    kvRows: context.rows,
    kvRowsFull: context.rowsFull,
    kvBytes: context.bytes,
    prefillMs: performance.now() - begin,
  };

  const isAnswered = typeof row.question === 'string' && row.choices === undefined && row.maxTokens > 0;
  const { answer, decodeMs } = isAnswered
    ? await answered(context, row, { texts: [...chunks, asked], signal })
    : noAnswer;
  const result = { id: row.id, answer, ...counted, decodeMs };
  if (row.choices !== undefined) return { ...result, choiceScores: await scores(model, batch, row.choices, signal) };
  const scored = row.continuation ?? row.score;
  if (scored === undefined) return result;
  if (isAnswered) {
    context.dropLive();
    await context.read(asked, { logits: 'last', signal });
  }
  const { logProb, tokens } = await batch.score(model.encodeText(scored), signal);
  if (tokens === 0) {
    const remedy =
      'Give a text of at least two tokens, or a prompt: the first one of a continuation has nothing that predicts it.';
    throw new AnchorageError('invalidInput', 'continuation: there is no token to score.', remedy);
  }
  return { ...result, scoreLogProb: logProb, scoreTokens: tokens };
}

/** Tokens of what is read after the chunks, before anything is answered or scored. */
function askedTokens(model: Model, { question, prompt }: BatchRow): readonly number[] {
  if (prompt !== undefined) return model.encodeText(prompt);
  return typeof question === 'string' ? model.encodeQuestion(question) : [];
}

/** Scores each text as what goes on from what was read, which is read no second time. */
async function scores(
  model: Model,
  batch: BatchContext,
  choices: readonly string[],
  signal: AbortSignal,
): Promise<ChoiceScore[]> {
  const scored: ChoiceScore[] = [];
  for (const choice of choices) {
    const { logProb, tokens } = await batch.scoreAside(model.encodeText(choice), signal);
    if (tokens === 0) throw new AnchorageError('invalidInput', 'choices: one has no token to score.');
    scored.push({ logProb, tokens, characters: Array.from(choice).length });
  }
  return scored;
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
