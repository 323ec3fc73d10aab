import type { Check, Tally } from './check.ts';
import { oneFailed, onePassed, sum } from './check.ts';
import { runChild } from './childProcess.ts';

const tools: readonly (readonly [command: string, ...args: string[]])[] = [
  ['tsc', '--project', '.'],
  ['tsc', '--project', 'src/webview'],
  ['eslint', '--max-warnings', '0', '.'],
  ['prettier', '--check', '--log-level', 'warn', '.'],
];

/** Types, style and formatting; each tool counts as one test. */
export const lintCheck: Check = {
  name: 'lint',
  summary: 'types, ESLint and formatting',
  steps: [],
  async run() {
    const tallies: Tally[] = [];
    for (const [command, ...args] of tools) {
      const { code } = await runChild(command, args, { minutes: 5 });
      process.stdout.write(`  ${code === 0 ? '✔' : '✘'} ${[command, ...args].join(' ')}\n`);
      tallies.push(code === 0 ? onePassed : oneFailed);
    }
    return sum(tallies);
  },
};
