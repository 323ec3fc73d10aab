import { join } from 'node:path';

export const repository = join(import.meta.dirname, '..', '..');
export const builtInPackage = join(repository, '.cache', 'packages', 'smollm2-135m-anchors');
export const builtInAdapter = join(repository, 'models', 'smollm2-135m-anchors');
export const baseFile = join(repository, '.cache', 'base', 'SmolLM2-135M-Instruct.Q4_1.gguf');

/** The result, as one JSON line on stdout: the only thing that goes there. */
export function printResult(result: object): void {
  process.stdout.write(`${JSON.stringify(result)}\n`);
}

/** Progress, for whoever watches. */
export function progress(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** `value` with `digits` significant digits, for results that people read. */
export function rounded(value: number, digits = 4): number {
  return Number(value.toPrecision(digits));
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? NaN)
    : ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2;
}
