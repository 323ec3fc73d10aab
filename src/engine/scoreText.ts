import type { AnchorContext } from './anchorContext.ts';
import { logSumExp } from './sampling.ts';

/** Sum of natural-log probabilities of the scored tokens, and how many they were. */
export interface TextScore {
  readonly logProb: number;
  readonly tokens: number;
}

/**
 * Reads tokens into the live exchange and scores them. Where nothing was read before them, nothing predicts the first
 * token: it is read and not scored.
 *
 * @throws AnchorageError `cancelled` between runs, `contextTooLong`.
 */
export async function scoreText(
  context: AnchorContext,
  tokens: readonly number[],
  signal?: AbortSignal,
): Promise<TextScore> {
  let logProb = 0;
  let scored = 0;
  let logits = context.nextLogits;
  const count = (id: number): void => {
    if (logits === null) return;
    logProb += (logits[id] ?? -Infinity) - logSumExp(logits);
    scored++;
  };
  const step = context.decoder.groupTokens;
  for (let start = 0; start < tokens.length; start += step) {
    const group = tokens.slice(start, start + step);
    const isLast = start + step >= tokens.length;
    const all = await context.read(isLast ? group.slice(0, -1) : group, { logits: 'all', signal });
    group.forEach((id, i) => {
      count(id);
      logits = all[i] ?? null;
    });
  }
  return { logProb, tokens: scored };
}
