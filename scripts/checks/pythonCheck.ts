import { oneFailed } from './check.ts';
import type { Check, Tally } from './check.ts';
import { runChild } from './childProcess.ts';
import { venvPython } from '../prepare/folders.ts';

/** The training code's own tests. */
export const trainingCheck: Check = {
  name: 'training',
  summary: "the training code's unit tests (Python)",
  steps: ['base', 'python'],
  async run() {
    const args = ['-m', 'unittest', 'discover', '--start-directory', 'models/training', '--pattern', 'test_*.py'];
    const { code, lines } = await runChild(venvPython, args, { minutes: 10 });
    return readUnittest(lines, code);
  },
};

/** Counts from the closing lines of unittest; skipped tests count as failed. */
export function readUnittest(lines: readonly string[], code: number | null): Tally {
  const text = lines.join('\n');
  const total = Number(/^Ran (\d+) tests? in /m.exec(text)?.[1] ?? 0);
  const counts = /^(?:OK|FAILED) \((.*)\)$/m.exec(text)?.[1] ?? '';
  const failed = ['failures', 'errors', 'skipped'].reduce(
    (sum, word) => sum + Number(new RegExp(`${word}=(\\d+)`).exec(counts)?.[1] ?? 0),
    0,
  );
  if (total === 0 || (code !== 0 && failed === 0)) return oneFailed;
  return { passed: total - failed, failed };
}
