import { createInterface } from 'node:readline/promises';
import { AnchorageError } from '../protocol/errors.ts';
import type { Terminal } from './terminal.ts';

/**
 * Asks on the terminal whether to go on with what cannot be undone.
 *
 * @throws AnchorageError `invalidInput` where nobody can answer, `cancelled` on any other answer than yes.
 */
export async function confirm({ isInteractive }: Terminal, question: string): Promise<void> {
  if (!isInteractive) {
    const problem = `${question} There is no terminal on which that could be confirmed.`;
    throw new AnchorageError('invalidInput', problem, 'Add --yes to go on without being asked.');
  }
  const input = createInterface({ input: process.stdin, output: process.stderr });
  const closed = new AbortController();
  // A question that is left open by Ctrl-C or Ctrl-D would be waited for for ever.
  input.once('close', () => closed.abort());
  try {
    const answer = await input.question(`${question} Type yes to go on: `, { signal: closed.signal }).catch(() => '');
    if (!isYes(answer)) throw new AnchorageError('cancelled', 'Nothing was changed.');
  } finally {
    input.close();
  }
}

export function isYes(answer: string): boolean {
  return ['y', 'yes'].includes(answer.trim().toLowerCase());
}
