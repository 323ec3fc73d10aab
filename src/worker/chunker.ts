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
  /** Most tokens of a chunk. */
  readonly limit: number;
  /** Tokens of a piece of the text alone: called for every line. */
  readonly size: (text: string) => number;
  /** Tokens of a chunk with what is written round it: called a few times a chunk. */
  readonly cost: (chunk: TextChunk) => number;
}

/** An indivisible run of text: a line with its line break, or a piece of one that is too long for a chunk. */
interface Unit extends TextChunk {
  /** Tokens of the text alone. */
  readonly size: number;
}

/**
 * Cuts a text into chunks that cover it exactly, each within the limit. Cuts fall before a line at the left margin
 * that follows a blank line where there is one, else after a blank line, else where the indentation is least.
 */
export function chunkText(text: string, options: ChunkOptions): TextChunk[] {
  const lines = linesOf(text, options.startLine);
  const last = lines.at(-1);
  if (last === undefined) return [];
  const room = options.limit - options.cost({ ...last, text: '' });
  const units = lines.flatMap((line) => unitsOf(line, room, options.size));
  const chunks: TextChunk[] = [];
  for (let first = 0; first < units.length;) {
    const fitting = fittingUnits(units, first, room, options);
    const count = first + fitting === units.length ? fitting : bestCut(units, first, fitting);
    chunks.push(joined(units.slice(first, first + count)));
    first += count;
  }
  return chunks;
}

function linesOf(text: string, startLine: number): TextChunk[] {
  const lines: TextChunk[] = [];
  for (let from = 0, line = startLine; from < text.length; line++) {
    const end = text.indexOf('\n', from);
    const to = end < 0 ? text.length : end + 1;
    lines.push({ text: text.slice(from, to), from, to, startLine: line, endLine: line });
    from = to;
  }
  return lines;
}

/** Halves a line until its pieces fit, never inside a surrogate pair. One character stays whole whatever its size. */
function unitsOf(line: TextChunk, room: number, sizeOf: ChunkOptions['size']): Unit[] {
  // Far too long is known without tokenising, which takes time on a line of a megabyte.
  const size = line.text.length > room * 64 ? Infinity : sizeOf(line.text);
  if (size <= room) return [{ ...line, size }];
  let middle = Math.floor(line.text.length / 2);
  if (isLowSurrogate(line.text, middle)) middle--;
  if (middle <= 0) return [{ ...line, size: room }];
  const head = { ...line, text: line.text.slice(0, middle), to: line.from + middle };
  const tail = { ...line, text: line.text.slice(middle), from: line.from + middle };
  return [...unitsOf(head, room, sizeOf), ...unitsOf(tail, room, sizeOf)];
}

function isLowSurrogate(text: string, index: number): boolean {
  const unit = text.charCodeAt(index);
  return unit >= 0xdc00 && unit <= 0xdfff;
}

/** How many units from `first` on fit into one chunk: as many as their sizes say, or fewer; at least one. */
function fittingUnits(units: readonly Unit[], first: number, room: number, { limit, cost }: ChunkOptions): number {
  let count = 0;
  for (let left = room; first + count < units.length; count++) {
    left -= units[first + count]?.size ?? 0;
    if (left < 0) break;
  }
  // Tokens merge across lines, or rarely split: the sum of the sizes is close, and not exact.
  const fits = (more: number): boolean => cost(joined(units.slice(first, first + more))) <= limit;
  while (first + count < units.length && fits(count + 1)) count++;
  while (count > 1 && !fits(count)) count--;
  return Math.max(1, count);
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
