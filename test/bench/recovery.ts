/**
 * Recovery: how much of what the chunks of a conversation tell is still known from their anchors.
 *
 * recovery = (none - anchored) / (none - full), in mean negative log-probability of the held-out answers: 0 is as good
 * as not having read the chunks, 1 as good as keeping them whole. Every row runs through the engine with a cache that
 * is really reduced. Needs the built-in package. `--limit ROWS` (16), `--variant` (int8), `--choice` (the package's).
 */
import { z } from 'zod';
import { choices } from '../../src/protocol/anchorConfig.ts';
import type { BatchRow } from '../../src/protocol/batch.ts';
import { variants } from '../../src/protocol/packageManifest.ts';
import { Decoder } from '../../src/engine/decoder.ts';
import { loadPackage } from '../../src/engine/modelPackage.ts';
import { ScoringPass } from '../../src/engine/scoringPass.ts';
import { noArguments, readOptions } from '../../scripts/options.ts';
import { evaluationRows, evaluationTasks, scoreRow, type EvaluationTask, type Memory } from './batchRows.ts';
import { builtInPackage, printResult, progress, rounded } from './report.ts';

const ratios = [4, 8, 16] as const;

const options = readOptions({
  usage: 'usage: npm run --silent recovery -- [--limit ROWS] [--variant NAME] [--choice NAME]',
  options: { limit: { type: 'string' }, variant: { type: 'string' }, choice: { type: 'string' } },
  schema: z.object({
    limit: z.coerce.number().int().min(1).default(16),
    variant: z.enum(variants).default('int8'),
    choice: z.enum(choices).optional(),
    _: noArguments,
  }),
});

const pkg = await loadPackage(builtInPackage);
const choice = options.choice ?? pkg.anchors.choice;
const decoder = await Decoder.create(pkg, { variant: options.variant, threads: 0 });
const tasks: Record<string, object> = {};
for (const task of evaluationTasks) tasks[task] = await measure(task);
await decoder.dispose();
printResult({ variant: options.variant, choice, limit: options.limit, tasks });

async function measure(task: EvaluationTask): Promise<object> {
  const rows = await evaluationRows(task, options.limit);
  const memories: Memory[] = [
    { mode: 'none' },
    { mode: 'full' },
    ...ratios.map((ratio) => ({ mode: 'anchors', ratio, choice }) as const),
  ];
  const sums = memories.map(() => ({ logProb: 0, tokens: 0, kvRows: 0, kvRowsFull: 0 }));
  const scoring = new ScoringPass(decoder, pkg.layout.pinned());
  for (const [n, row] of rows.entries()) {
    await addRow(row, memories, sums, scoring);
    progress(`${task}: ${n + 1} of ${rows.length} rows`);
  }
  const [none = NaN, full = NaN, ...anchored] = sums.map(({ logProb, tokens }) => -logProb / tokens);
  const recovery = Object.fromEntries(
    anchored.map((nll, i) => [`r${ratios[i]}`, rounded((none - nll) / (none - full), 3)]),
  );
  const nll = Object.fromEntries(anchored.map((value, i) => [`r${ratios[i]}`, rounded(value)]));
  const keptOf = Object.fromEntries(
    sums.slice(2).map(({ kvRows, kvRowsFull }, i) => [`r${ratios[i]}`, rounded(kvRows / kvRowsFull, 3)]),
  );
  const tokens = sums[0]?.tokens ?? 0;
  return {
    rows: rows.length,
    tokens,
    nll: { none: rounded(none), full: rounded(full), ...nll },
    recovery,
    kvRowsKept: keptOf,
  };
}

interface Sums {
  logProb: number;
  tokens: number;
  kvRows: number;
  kvRowsFull: number;
}

async function addRow(
  row: BatchRow,
  memories: readonly Memory[],
  sums: readonly Sums[],
  scoring: ScoringPass,
): Promise<void> {
  for (const [i, memory] of memories.entries()) {
    const score = await scoreRow(decoder, scoring, row, memory);
    const sum = sums[i];
    if (sum === undefined) continue;
    sum.logProb += score.logProb;
    sum.tokens += score.tokens;
    sum.kvRows += score.kvRows;
    sum.kvRowsFull += score.kvRowsFull;
  }
}
