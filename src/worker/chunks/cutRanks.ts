import type { TextUnit } from './textUnits.ts';

/** How good a cut in front of each unit is, from the text near it alone: `penalty` decides, then `hash`. */
export interface CutRanks {
  readonly penalty: Float64Array;
  /** Of the unit and the one after it: which of several equally good places is taken must depend on nothing further. */
  readonly hash: Uint32Array;
}

const penalties = {
  /** At the margin, after a blank line. */
  margin: 0,
  /** After a blank line; indentation is added here and below. */
  afterBlank: 20,
  other: 100,
  /** A bracket that closes, or `else`: it belongs to what stands in front of it. */
  closing: 200,
  blank: 400,
  insideLine: 500,
} as const;

const deepest = 60;
const tabWidth = 4;
const closing = /^\s*(?:[)\]}>]|(?:end|else|elif|elsif|except|catch|finally)\b)/;
const comment = /^\s*(?:\/[/*]|\*|#|@|--|"""|''')/;
/** Lines of comment above a symbol that go with it. */
const mostComment = 24;

/**
 * Ranks the cuts in front of units: a line at the left margin after a blank line is best, then one after a blank line,
 * the less indented the better, then the least indented.
 *
 * A line where a symbol begins (with the comment above it) counts as one after a blank line. It gets no better rank
 * than that: nearly all symbols stand after blank lines, so that chunks are the same (995 of 1,000 in this repository)
 * whether a language server has been asked in time or not, and the lines help where a text has no blank ones.
 *
 * @param symbolLines line numbers, ascending.
 */
export function rankCuts(text: string, units: readonly TextUnit[], symbolLines: readonly number[]): CutRanks {
  const penalty = new Float64Array(units.length);
  const hash = new Uint32Array(units.length);
  const lines = units.map((unit) => lineAt(text, unit));
  const symbols = symbolUnits(lines, units, symbolLines);
  units.forEach((unit, index) => {
    const line = lines[index] ?? '';
    penalty[index] = penaltyOf(unit, line, { previous: lines[index - 1] ?? '', isSymbol: symbols.has(index) });
    hash[index] = hashOf(`${line}\n${lines[index + 1] ?? ''}`);
  });
  return { penalty, hash };
}

/** Less than 0 when a cut in front of unit `a` is better than one in front of `b`. */
export function compareCuts({ penalty, hash }: CutRanks, a: number, b: number): number {
  return (penalty[a] ?? 0) - (penalty[b] ?? 0) || (hash[a] ?? 0) - (hash[b] ?? 0);
}

/** The text of a unit without its line break. */
function lineAt(text: string, { from, to }: TextUnit): string {
  return text.slice(from, to).trimEnd();
}

function penaltyOf(
  unit: TextUnit,
  line: string,
  { previous, isSymbol }: { readonly previous: string; readonly isSymbol: boolean },
): number {
  if (!unit.isLineStart) return penalties.insideLine;
  if (line === '') return penalties.blank;
  const indentation = Math.min(indentationOf(line), deepest);
  if (closing.test(line)) return penalties.closing + indentation;
  if (previous !== '' && !isSymbol) return penalties.other + indentation;
  return indentation === 0 ? penalties.margin : penalties.afterBlank + indentation;
}

/** Columns in front of a line's first character. */
function indentationOf(line: string): number {
  let columns = 0;
  for (const character of line) {
    if (character === '\t') columns += tabWidth;
    else if (character === ' ') columns++;
    else break;
  }
  return columns;
}

/** Units in front of which a symbol begins, its comment and decorators included. */
function symbolUnits(
  lines: readonly string[],
  units: readonly TextUnit[],
  symbolLines: readonly number[],
): ReadonlySet<number> {
  const found = new Set<number>();
  const wanted = new Set(symbolLines);
  if (wanted.size === 0) return found;
  units.forEach(({ line, isLineStart }, index) => {
    if (!isLineStart || !wanted.has(line)) return;
    const indentation = indentationOf(lines[index] ?? '');
    let first = index;
    while (first > 0 && index - first < mostComment) {
      const above = lines[first - 1] ?? '';
      // The lines of a block comment stand one column further in.
      if (!comment.test(above) || Math.abs(indentationOf(above) - indentation) > 1) break;
      first--;
    }
    found.add(first);
  });
  return found;
}

/** FNV-1a over UTF-16 units, mixed once more as its low bits alone are of little worth. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}
