import { assertNever } from '../protocol/errors.ts';
import type { RehydrationReason } from '../protocol/memory.ts';
import type { Exchange } from '../protocol/worker.ts';
import { usageLine } from './usageLine.ts';

/** What is told below an answer: what was read again for it and why, and what it took. */
export function footer(exchange: Exchange): string {
  const again = exchange.rehydrated.map(({ label, tokens, why }) => {
    return `[read again: ${label} (${tokens} tokens), because ${because(why)}]`;
  });
  return [...again, usageLine(exchange)].join('\n');
}

function because(why: RehydrationReason): string {
  switch (why.kind) {
    case 'words':
      return `it has ${why.words.map((word) => `"${word}"`).join(', ')}`;
    case 'attention':
      return 'the question attends to it';
    case 'followUp':
      return 'the question goes on from it';
    case 'user':
      return 'you asked for it';
    default:
      return assertNever(why);
  }
}
