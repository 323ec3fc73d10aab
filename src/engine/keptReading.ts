import type { KeptChoice } from '../protocol/batch.ts';
import { assertNever } from '../protocol/errors.ts';
import type { AnchorContext } from './anchorContext.ts';
import { anchorRows } from './anchorPlan.ts';
import { isSeparatorText, keptRows, sinkRows, type KeptBy } from './keptRows.ts';

export interface KeptReading {
  readonly keep: KeptChoice;
  /** Tokens per row that stays, as they would be per anchor; EP keeps as many rows as there are endpoints. */
  readonly ratio: number;
  /** Of `random`. */
  readonly seed: number;
  /** Every text is read seeing the pinned prefix and itself alone. */
  readonly independent: boolean;
  readonly signal?: AbortSignal | undefined;
  /** Called after each text with the tokens read so far. */
  readonly onProgress?: ((done: number) => void) | undefined;
}

/**
 * Reads texts with full attention, as full caching does, and then keeps as many of their rows as anchors would be: a
 * control of what anchors are worth at the same memory. The pinned prefix stays and is not counted; without one, the
 * first rows of the text stay as sinks and are.
 *
 * @throws AnchorageError `contextTooLong` where the whole of the texts does not fit into the base's window, `cancelled`.
 */
export async function readKept(
  context: AnchorContext,
  texts: readonly (readonly number[])[],
  { keep, ratio, seed, independent, signal, onProgress }: KeptReading,
): Promise<void> {
  const first = context.pinned.length;
  const tokens = texts.flat();
  let done = 0;
  for (const text of texts) {
    await context.keepWhole(text, { independent, signal });
    done += text.length;
    onProgress?.(done);
  }
  const { anchors } = context.decoder.package;
  const budget = texts.reduce((sum, text) => sum + anchorRows(text, anchors, ratio), 0);
  const by = await keptBy(context, texts, keep, seed, signal);
  const rows = keptRows(tokens.length, budget, first === 0 ? sinkRows(budget) : 0, by);
  await context.retain(rows.map((row) => first + row));
}

async function keptBy(
  context: AnchorContext,
  texts: readonly (readonly number[])[],
  keep: KeptChoice,
  seed: number,
  signal: AbortSignal | undefined,
): Promise<KeptBy> {
  switch (keep) {
    case 'recent':
      return { keep };
    case 'separators':
      return { keep, isSeparator: separatorTest(context, texts.flat()) };
    case 'attention': {
      const scores: number[] = [];
      for (const text of texts) scores.push(...(await context.repeatScores(text, signal)));
      return { keep, scores };
    }
    case 'random':
      return { keep, seed };
    default:
      return assertNever(keep);
  }
}

/** Whether the token of a row is a separator. */
function separatorTest(context: AnchorContext, tokens: readonly number[]): (row: number) => boolean {
  const { tokenizer } = context.decoder.package;
  const known = new Map<number, boolean>();
  return (row) => {
    const id = tokens[row] ?? 0;
    const found = known.get(id) ?? isSeparatorText(tokenizer.decode([id]));
    known.set(id, found);
    return found;
  };
}
