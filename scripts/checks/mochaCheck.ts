import { join } from 'node:path';
import { z } from 'zod';
import { root } from '../prepare/folders.ts';
import type { CheckOptions, Tally } from './check.ts';
import { oneFailed } from './check.ts';
import { runChild } from './childProcess.ts';

const tallySchema = z.object({ passed: z.int().nonnegative(), failed: z.int().nonnegative() });

/** Runs test files with mocha in a process of their own. A run that ends without a tally is one failure. */
export async function runMocha(
  globs: readonly string[],
  { grep }: CheckOptions,
  limits: { testMs: number; minutes: number; environment?: Readonly<Record<string, string>> },
): Promise<Tally> {
  const args = [join(root, 'scripts', 'checks', 'mochaChild.ts'), '--timeout', String(limits.testMs)];
  if (grep !== undefined) args.push('--grep', grep);
  const { messages, code } = await runChild(process.execPath, [...args, ...globs], limits);
  return readTally(messages, code);
}

/** The tally that a test process sent, if it did; a process that failed all the same counts as one failure more. */
export function readTally(messages: readonly unknown[], code: number | null): Tally {
  const tally = messages.map((message) => tallySchema.safeParse(message)).find(({ success }) => success)?.data;
  if (tally === undefined || tally.passed + tally.failed === 0) return oneFailed;
  return code !== 0 && tally.failed === 0 ? { ...tally, failed: 1 } : tally;
}
