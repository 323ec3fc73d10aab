import { assertNever } from '../protocol/errors.ts';
import { Random } from './random.ts';

/**
 * What rows of a text are kept by, where they are not anchors. All are controls: they cost no training, and are given
 * the budget that anchors have.
 *
 * - `recent`: the last ones. With the pinned prefix, or the first rows, as sinks it is the window of StreamingLLM (Xiao et
 *   al., arXiv 2309.17453).
 * - `separators`: those of separator tokens (SepLLM, Chen et al., arXiv 2412.12094, figure 2), the last of them where there
 *   are too many; where there are too few, the last of the other rows as well, which is SepLLM's window.
 * - `attention`: those that receive most attention while the decoder repeats the text (KVzip, Kim et al., arXiv
 *   2505.23416), one set of rows for all heads.
 * - `random`: a uniform draw.
 */
export type KeptBy =
  | { readonly keep: 'recent' }
  | { readonly keep: 'separators'; readonly isSeparator: (row: number) => boolean }
  | { readonly keep: 'attention'; readonly scores: ArrayLike<number> }
  | { readonly keep: 'random'; readonly seed: number };

/** Rows that StreamingLLM keeps of the beginning (arXiv 2309.17453, section 3.2). */
const SINKS = 4;

/** Sinks among `budget` rows, where there is no pinned prefix to be them: at most half. */
export function sinkRows(budget: number): number {
  return Math.min(SINKS, Math.floor(budget / 2));
}

/**
 * Chooses min(budget, count) of `count` rows in the order of the text: the first `sinks` of them, and the others as `by`
 * says.
 *
 * @returns indices, ascending.
 */
export function keptRows(count: number, budget: number, sinks: number, by: KeptBy): number[] {
  const size = Math.min(budget, count);
  const first = Math.min(sinks, size);
  const others = Array.from({ length: count - first }, (_, i) => first + i);
  const wanted = preferred(others, by).slice(0, size - first);
  return [...Array.from({ length: first }, (_, i) => i), ...wanted].sort((a, b) => a - b);
}

/** The rows, those to be kept first at the front. */
function preferred(rows: readonly number[], by: KeptBy): number[] {
  switch (by.keep) {
    case 'recent':
      return rows.toReversed();
    case 'separators': {
      const latest = rows.toReversed();
      return [...latest.filter((row) => by.isSeparator(row)), ...latest.filter((row) => !by.isSeparator(row))];
    }
    case 'attention':
      return rows.toSorted((a, b) => (by.scores[b] ?? 0) - (by.scores[a] ?? 0) || a - b);
    case 'random':
      return shuffled(rows, new Random(by.seed));
    default:
      return assertNever(by);
  }
}

/** Fisher and Yates's shuffle. */
function shuffled(rows: readonly number[], random: Random): number[] {
  const out = [...rows];
  for (let i = out.length - 1; i > 0; i--) {
    const j = random.integer(0, i);
    [out[i], out[j]] = [out[j] ?? 0, out[i] ?? 0];
  }
  return out;
}

/**
 * Whether a token's text is made of separators alone: those of SepLLM (`.` `,` `;` `:` `!` `?` and white space), and
 * several of them where the tokenizer joins them to one token, as it does with indented lines.
 */
export function isSeparatorText(text: string): boolean {
  return /^[\s.,;:!?]+$/.test(text);
}
