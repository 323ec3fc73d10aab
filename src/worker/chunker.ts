/** A piece of a text: `text` is `[from, to)` of it in UTF-16 units; lines count from 1, both ends included. */
export interface TextChunk {
  readonly text: string;
  readonly from: number;
  readonly to: number;
  readonly startLine: number;
  readonly endLine: number;
}

export interface ChunkOptions {
  /** Line number of the text's first line. */
  readonly startLine: number;
  /** Largest cost of a chunk. */
  readonly limit: number;
  /** Cost of a chunk in tokens, with whatever is written round it. */
  readonly cost: (chunk: TextChunk) => number;
}

/** An indivisible run of text: a line with its line break, or a piece of one that is too long for a chunk. */
type Unit = TextChunk;

/**
 * Cuts a text into chunks that cover it exactly, each within the limit. Cuts fall before a line at the left margin
 * that follows a blank line where there is one, else after a blank line, else where the indentation is least.
 */
export function chunkText(text: string, options: ChunkOptions): TextChunk[] {
  const units = linesOf(text, options.startLine).flatMap((line) => splitLongLine(line, options));
  const chunks: TextChunk[] = [];
  for (let first = 0; first < units.length;) {
    const fitting = fittingUnits(units, first, options);
    const count = first + fitting === units.length ? fitting : bestCut(units, first, fitting);
    chunks.push(joined(units.slice(first, first + count)));
    first += count;
  }
  return chunks;
}

function linesOf(text: string, startLine: number): Unit[] {
  const units: Unit[] = [];
  for (let from = 0, line = startLine; from < text.length; line++) {
    const end = text.indexOf('\n', from);
    const to = end < 0 ? text.length : end + 1;
    units.push({ text: text.slice(from, to), from, to, startLine: line, endLine: line });
    from = to;
  }
  return units;
}

/** Halves a line until its pieces fit, never inside a surrogate pair. One character stays whole whatever it costs. */
function splitLongLine(unit: Unit, options: ChunkOptions): Unit[] {
  // Far too long is known without tokenising, which takes time on a line of a megabyte.
  const isSurelyLong = unit.text.length > options.limit * 64;
  if (!isSurelyLong && options.cost(unit) <= options.limit) return [unit];
  let middle = Math.floor(unit.text.length / 2);
  if (isLowSurrogate(unit.text, middle)) middle--;
  if (middle <= 0) return [unit];
  const head = { ...unit, text: unit.text.slice(0, middle), to: unit.from + middle };
  const tail = { ...unit, text: unit.text.slice(middle), from: unit.from + middle };
  return [...splitLongLine(head, options), ...splitLongLine(tail, options)];
}

function isLowSurrogate(text: string, index: number): boolean {
  const unit = text.charCodeAt(index);
  return unit >= 0xdc00 && unit <= 0xdfff;
}

/** How many units from `first` on fit into one chunk, found by doubling and halving; at least one. */
function fittingUnits(units: readonly Unit[], first: number, { limit, cost }: ChunkOptions): number {
  const fits = (count: number): boolean => cost(joined(units.slice(first, first + count))) <= limit;
  const most = units.length - first;
  let low = 1;
  let high = 2;
  while (high <= most && fits(high)) {
    low = high;
    high *= 2;
  }
  high = Math.min(high, most + 1);
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (fits(middle)) low = middle;
    else high = middle;
  }
  return low;
}

/** Where to cut among the later half of the units that fit; the latest of equally good places. */
function bestCut(units: readonly Unit[], first: number, fitting: number): number {
  let best = fitting;
  let bestPenalty = Infinity;
  for (let count = fitting; count >= Math.max(1, Math.ceil(fitting / 2)); count--) {
    const penalty = cutPenalty(units[first + count - 1], units[first + count]);
    if (penalty < bestPenalty) {
      best = count;
      bestPenalty = penalty;
    }
  }
  return best;
}

/** How bad a cut between two units is: the indentation of what follows, more where no blank line stands between. */
function cutPenalty(before: Unit | undefined, after: Unit | undefined): number {
  if (before === undefined || after === undefined) return Infinity;
  if (before.endLine === after.startLine) return 10_000;
  if (after.text.trim() === '') return 5_000;
  const indentation = after.text.length - after.text.trimStart().length;
  return indentation + (before.text.trim() === '' ? 0 : 100);
}

function joined(units: readonly Unit[]): TextChunk {
  const [first] = units;
  const last = units.at(-1);
  if (first === undefined || last === undefined) throw new RangeError('A chunk has at least one unit');
  return {
    text: units.map((unit) => unit.text).join(''),
    from: first.from,
    to: last.to,
    startLine: first.startLine,
    endLine: last.endLine,
  };
}
