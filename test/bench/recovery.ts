/**
 * Recovery: how much of what the chunks of a conversation tell is still known from their anchors.
 *
 * recovery = (none - anchored) / (none - full), in mean negative log-probability of the held-out answers: 0 is as good
 * as not having read the chunks, 1 as good as keeping them whole. Every row runs through the engine with a cache that
 * is really reduced. Needs the built-in package. `--limit ROWS` (16), `--variant` (int8), `--choice` (the package's).
 *
 * `--stored` compares what the store can keep rows in, at ratio 8: as they are (fp32), and written to it and read again
 * in half precision and in 8 bits; with bytes a row, and the time that a session of 4,000 rows takes to be restored.
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
import { measureStore } from './storedSession.ts';

const options = readOptions({
  usage: 'usage: npm run --silent recovery -- [--limit ROWS] [--variant NAME] [--choice NAME] [--stored]',
  options: {
    limit: { type: 'string' },
    variant: { type: 'string' },
    choice: { type: 'string' },
    stored: { type: 'boolean' },
  },
  schema: z.object({
    limit: z.coerce.number().int().min(1).default(16),
    variant: z.enum(variants).default('int8'),
    choice: z.enum(choices).optional(),
    stored: z.boolean().default(false),
    _: noArguments,
  }),
});

const pkg = await loadPackage(builtInPackage);
const choice = options.choice ?? pkg.anchors.choice;
const decoder = await Decoder.create(pkg, { variant: options.variant, threads: 0 });
/** What is compared, by the names that results have. */
const compared: Readonly<Record<string, Memory>> = options.stored
  ? {
      fp32: { mode: 'anchors', ratio: 8, choice },
      fp16: { mode: 'anchors', ratio: 8, choice, storedAs: 'fp16' },
      int8: { mode: 'anchors', ratio: 8, choice, storedAs: 'int8' },
    }
  : Object.fromEntries([4, 8, 16].map((ratio) => [`r${ratio}`, { mode: 'anchors', ratio, choice }]));
const memories: readonly Memory[] = [{ mode: 'none' }, { mode: 'full' }, ...Object.values(compared)];

const tasks: Record<string, object> = {};
for (const task of evaluationTasks) tasks[task] = await measure(task);
const store = options.stored ? { store: await measureStore(decoder) } : {};
await decoder.dispose();
printResult({ variant: options.variant, choice, limit: options.limit, tasks, ...store });

async function measure(task: EvaluationTask): Promise<object> {
  const rows = await evaluationRows(task, options.limit);
  const sums = memories.map(() => ({ logProb: 0, tokens: 0, kvRows: 0, kvRowsFull: 0 }));
  const scoring = new ScoringPass(decoder, pkg.layout.pinned());
  for (const [n, row] of rows.entries()) {
    await addRow(row, sums, scoring);
    progress(`${task}: ${n + 1} of ${rows.length} rows`);
  }
  const [none = NaN, full = NaN, ...anchored] = sums.map(({ logProb, tokens }) => -logProb / tokens);
  const named = (values: readonly number[], digits?: number): Record<string, number> =>
    Object.fromEntries(Object.keys(compared).map((name, i) => [name, rounded(values[i] ?? NaN, digits)]));
  return {
    rows: rows.length,
    tokens: sums[0]?.tokens ?? 0,
    nll: { none: rounded(none), full: rounded(full), ...named(anchored) },
    recovery: named(
      anchored.map((nll) => (none - nll) / (none - full)),
      // What storing costs is small.
      options.stored ? 4 : 3,
    ),
    kvRowsKept: named(
      sums.slice(2).map(({ kvRows, kvRowsFull }) => kvRows / kvRowsFull),
      3,
    ),
  };
}

interface Sums {
  logProb: number;
  tokens: number;
  kvRows: number;
  kvRowsFull: number;
}

async function addRow(row: BatchRow, sums: readonly Sums[], scoring: ScoringPass): Promise<void> {
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
