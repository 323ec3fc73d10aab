import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { batchRowSchema, type BatchRow } from '../../src/protocol/batch.ts';
import type { Choice } from '../../src/protocol/anchorConfig.ts';
import { AnchorContext } from '../../src/engine/anchorContext.ts';
import type { Decoder } from '../../src/engine/decoder.ts';
import type { ScoringPass } from '../../src/engine/scoringPass.ts';
import { scoreText, type TextScore } from '../../src/engine/scoreText.ts';
import { throughStore, type StoredPrecision } from '../../src/worker/throughStore.ts';
import { builtInAdapter } from './report.ts';

export const evaluationTasks = ['repeat', 'function', 'value', 'continue'] as const;
export type EvaluationTask = (typeof evaluationTasks)[number];

/** How a row's chunks are read before its answer is scored. */
export type Memory =
  | { readonly mode: 'none' | 'full' }
  | {
      readonly mode: 'anchors';
      readonly ratio: number;
      readonly choice: Choice;
      /** Every chunk is put in place again from what the store would keep of it, before anything else is read. */
      readonly storedAs?: StoredPrecision;
    };

/** A row's score, and the rows of keys and values held when its answer began. */
export interface RowScore extends TextScore {
  readonly kvRows: number;
  readonly kvRowsFull: number;
}

/** The first `limit` rows of a task's held-out file. */
export async function evaluationRows(task: EvaluationTask, limit: number): Promise<BatchRow[]> {
  const text = await readFile(join(builtInAdapter, 'evaluation', `${task}.jsonl`), 'utf8');
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.slice(0, limit).map((line) => batchRowSchema.parse(JSON.parse(line)));
}

/** Reads a row's chunks into a fresh context, really reduced under `anchors`, and scores its answer or continuation. */
export async function scoreRow(
  decoder: Decoder,
  scoring: ScoringPass,
  row: BatchRow,
  memory: Memory,
): Promise<RowScore> {
  const { layout, tokenizer } = decoder.package;
  const context = new AnchorContext(decoder, { pinned: layout.pinned(), scoring });
  await context.readPinned();
  for (const chunk of memory.mode === 'none' ? [] : row.chunks) {
    const tokens =
      typeof chunk === 'string' ? tokenizer.encodeText(chunk) : layout.exchange(chunk.user, chunk.assistant);
    if (memory.mode === 'anchors') {
      await context.seal(tokens, memory);
      if (memory.storedAs !== undefined) await throughStore(context, memory.storedAs);
    } else await context.keepWhole(tokens);
  }
  if (typeof row.question === 'string') await context.read(layout.live(row.question), { logits: 'last' });
  const { rows: kvRows, rowsFull: kvRowsFull } = context;
  const score = await scoreText(context, tokenizer.encodeText(row.score ?? row.continuation ?? ''));
  return { ...score, kvRows, kvRowsFull };
}
