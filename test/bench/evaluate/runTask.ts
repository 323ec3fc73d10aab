import type { ModelTokenizer } from '../../../src/engine/tokenizer.ts';
import type { BatchResult } from '../../../src/protocol/batch.ts';
import type { Arm } from './arms.ts';
import { rowsOf, type Item, type RowInput } from './item.ts';
import { judge, type Scores } from './judge.ts';
import type { RowOutcome } from './rowCache.ts';
import type { RowRunner } from './rowRunner.ts';
import { summaryRow, withSummaries } from './summaries.ts';

/** What one reading of an item gave. */
export interface Measured {
  readonly scores: Scores;
  /** Rows of keys and values held when the answer begins. */
  readonly kvRows: number;
}

export interface ArmRun {
  readonly arm: Arm;
  /** By item: what it gave, or null where it was not run or could not be. */
  readonly measured: readonly (Measured | null)[];
  /** Why rows could not be run. */
  readonly errors: readonly string[];
}

/** Runs the items through an arm: all of them, or the first `limit` where it is a control. */
export async function runArm(
  runner: RowRunner,
  arm: Arm,
  items: readonly Item[],
  { limit, tokenizer, onDone }: { limit: number; tokenizer: ModelTokenizer; onDone: () => void },
): Promise<ArmRun> {
  const fits = (item: Item): boolean => item.isTooLongWhole !== true || !readsWhole(arm);
  const wanted = [...items.keys()].filter((i) => (!arm.isControl || i < limit) && items.slice(i, i + 1).every(fits));
  const [reading, read] = await readings(
    runner,
    arm,
    wanted.flatMap((i) => items.slice(i, i + 1)),
    tokenizer,
    onDone,
  );
  const rows = read.map((item) => rowsOf(item, reading));
  const outcomes = await runner.run(arm.package, rows.flat(), onDone);
  const errors = new Set<string>();
  const measured: (Measured | null)[] = items.map(() => null);
  let next = 0;
  for (const [i, item] of read.entries()) {
    const own = outcomes.slice(next, (next += rows[i]?.length ?? 0));
    measured[wanted[i] ?? -1] = measuredOf(item, own, errors);
  }
  return { arm, measured, errors: [...errors] };
}

/** Under `summary` the items with summaries in place of their chunks. */
async function readings(
  runner: RowRunner,
  { package: name, reading }: Arm,
  items: readonly Item[],
  tokenizer: ModelTokenizer,
  onDone: () => void,
): Promise<[Parameters<typeof rowsOf>[1], readonly Item[]]> {
  if (reading.mode !== 'summary') return [reading, items];
  const rows = items.map((item) => item.chunks.map((chunk): RowInput => summaryRow(chunk, reading.ratio, tokenizer)));
  const outcomes = await runner.run(name, rows.flat(), onDone);
  let next = 0;
  const summarized = items.map((item, i) => {
    const own = outcomes.slice(next, (next += rows[i]?.length ?? 0));
    return withSummaries(
      item,
      own.map((outcome) => (outcome === null || 'error' in outcome ? '' : outcome.answer)),
    );
  });
  return [{ mode: 'full' }, summarized];
}

function measuredOf(item: Item, outcomes: readonly (RowOutcome | null)[], errors: Set<string>): Measured | null {
  const results: BatchResult[] = [];
  for (const outcome of outcomes) {
    if (outcome !== null && 'error' in outcome) errors.add(outcome.error);
    else if (outcome !== null) results.push(outcome);
  }
  const [first] = results;
  if (first === undefined || results.length < outcomes.length) return null;
  return { scores: judge(item.ask, results), kvRows: first.kvRows };
}

function readsWhole({ reading: { mode } }: Arm): boolean {
  return mode === 'full' || mode === 'kept' || mode === 'summary';
}
