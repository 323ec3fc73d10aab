import { preparationErrorOf } from '../prepare/preparationError.mjs';
import { prepare } from '../prepare/prepare.ts';
import { seconds } from '../prepare/progress.mjs';
import type { Check, CheckOptions, Tally } from './check.ts';
import { oneFailed, sum } from './check.ts';

/**
 * Prepares and runs the checks one after the other, and prints what came of them: the last line is the total,
 * "N passed, N failed". What a check needs and can't get is a failure of that check, not the end of the run.
 */
export async function runChecks(checks: readonly Check[], options: CheckOptions): Promise<Tally> {
  const results: { name: string; tally: Tally; took: number }[] = [];
  for (const check of checks) {
    process.stdout.write(`\n== ${check.name}: ${check.summary}\n`);
    const started = Date.now();
    const tally = await runCheck(check, options);
    results.push({ name: check.name, tally, took: Date.now() - started });
  }
  const total = sum(results.map(({ tally }) => tally));
  process.stdout.write('\n');
  for (const { name, tally, took } of results)
    process.stdout.write(`${name.padEnd(10)}${tallyText(tally)}, ${seconds(took)}\n`);
  process.stdout.write(`\n${tallyText(total)}\n`);
  return total;
}

async function runCheck(check: Check, options: CheckOptions): Promise<Tally> {
  try {
    await prepare(check.steps);
    return await check.run(options);
  } catch (error) {
    const message =
      preparationErrorOf(error)?.message ?? (error instanceof Error ? (error.stack ?? error.message) : String(error));
    process.stdout.write(`${check.name} could not be run: ${message}\n`);
    return oneFailed;
  }
}

function tallyText({ passed, failed }: Tally): string {
  return `${String(passed)} passed, ${String(failed)} failed`;
}
