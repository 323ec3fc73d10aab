import type { SessionSequence } from './sessionSequence.ts';

type Held = Pick<SessionSequence, 'id' | 'tokens' | 'ratio' | 'spilled' | 'pinned' | 'attention' | 'usedAt'>;

/** Rows that a sequence takes once it is sealed. */
export function rowsOf({ tokens, ratio }: Pick<SessionSequence, 'tokens' | 'ratio'>): number {
  return Math.ceil(tokens / ratio);
}

export function rowsHeld(sequences: readonly Held[]): number {
  return sequences.reduce((sum, sequence) => sum + (sequence.spilled ? 0 : rowsOf(sequence)), 0);
}

/**
 * Which sequences have to go so that those that stay take at most `rows`: the least useful first, by the attention that
 * questions paid to them and the exchanges since they were last read. Pinned ones stay, whatever that costs.
 *
 * @param now number of the session's next exchange.
 * @param usedBefore number of an exchange; what was read for it, or later, stays as well.
 * @returns ids, in the order in which they go.
 */
export function spillPlan(sequences: readonly Held[], rows: number, now: number, usedBefore = Infinity): string[] {
  const usefulness = ({ attention, usedAt }: Held): number => (0.1 + attention) / (1 + Math.max(0, now - usedAt));
  const candidates = sequences
    .filter(({ spilled, pinned, usedAt }) => !spilled && !pinned && usedAt < usedBefore)
    .map((sequence, index) => ({ sequence, index, usefulness: usefulness(sequence) }))
    .sort((a, b) => a.usefulness - b.usefulness || a.index - b.index);
  const ids: string[] = [];
  let held = rowsHeld(sequences);
  for (const { sequence } of candidates) {
    if (held <= rows) break;
    held -= rowsOf(sequence);
    ids.push(sequence.id);
  }
  return ids;
}

/**
 * Ratios at which sequences are to be held so that all take at most `rows`: the oldest go to the next ratio first, and
 * none to a second one before all had their turn.
 *
 * @param ratios that the package was trained for, in any order.
 * @returns new ratios by id; of those that change only.
 */
export function thinningPlan(
  sequences: readonly Held[],
  rows: number,
  ratios: readonly number[],
): ReadonlyMap<string, number> {
  const ascending = [...ratios].sort((a, b) => a - b);
  const plan = new Map<string, number>();
  let held = rowsHeld(sequences);
  for (const ratio of ascending) {
    for (const sequence of sequences) {
      if (held <= rows) return plan;
      const now = plan.get(sequence.id) ?? sequence.ratio;
      if (sequence.spilled || sequence.pinned || now >= ratio) continue;
      held += rowsOf({ tokens: sequence.tokens, ratio }) - rowsOf({ tokens: sequence.tokens, ratio: now });
      plan.set(sequence.id, ratio);
    }
  }
  return plan;
}
