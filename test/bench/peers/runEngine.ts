import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { z } from 'zod';
import type { Setup } from './engines.ts';
import { grownSchema, measuredSchema, predictedSchema, type Grown, type Measured, type Task } from './engineTasks.ts';

const script = join(import.meta.dirname, 'engineProcess.ts');
/** Longer than any task takes on a slow machine. */
const timeoutMs = 20 * 60_000;

/** Reads the session from nothing, in a process of its own. */
export function grow(
  setup: Setup,
  lengths: readonly number[],
  { save, measure: isMeasured }: { readonly save: boolean; readonly measure: boolean },
): Promise<Grown> {
  return run(setup, { grow: [...lengths], save, measure: isMeasured }, grownSchema);
}

/** Takes a session that was saved, in a process of its own. */
export function measure(setup: Setup, length: number): Promise<Measured> {
  return run(setup, { measure: length }, measuredSchema);
}

/** The likeliest tokens along the answer, by an engine that read the session itself. */
export async function predict(setup: Setup, length: number): Promise<readonly number[]> {
  return (await run(setup, { predict: length }, predictedSchema)).predicted;
}

async function run<T>(setup: Setup, task: Task, schema: z.ZodType<T>): Promise<T> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', script, JSON.stringify(setup), JSON.stringify(task)],
    { timeout: timeoutMs, maxBuffer: 1 << 24 },
  );
  return schema.parse(JSON.parse(stdout.trim().split('\n').at(-1) ?? ''));
}
