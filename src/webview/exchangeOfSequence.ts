import type { SequenceView } from '../protocol/memory.ts';
import type { Exchange } from '../protocol/worker.ts';

/**
 * The exchange that a sequence belongs to, null where it is not among those shown (it is being answered). Sequences stand
 * in the order in which they were read: the chunks of what was attached to a question, then the question with its answer;
 * of an exchange that was forgotten there is none.
 */
export function exchangeOfSequence(
  sequenceId: string,
  sequences: readonly SequenceView[],
  exchanges: readonly Exchange[],
): string | null {
  const at = sequences.findIndex(({ id }) => id === sequenceId);
  const isExchange = sequences[at]?.kind === 'exchange' || sequences[at]?.kind === 'chunk';
  const before = sequences.slice(0, Math.max(at, 0)).filter(({ kind }) => kind === 'exchange').length;
  return (isExchange ? exchanges.filter(({ isForgotten }) => !isForgotten)[before]?.id : undefined) ?? null;
}
