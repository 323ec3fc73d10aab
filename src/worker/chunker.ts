import { AnchorageError } from '../protocol/errors.ts';

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

/** Characters of text that are about a token. */
const usualCharacters = 4;

/** Least share of a chunk that its text gets; below it, what is written round every chunk would be most of what is read. */
const leastShare = 0.25;

/**
 * Cuts a text into chunks that cover it exactly, each within the limit. Cuts fall before a line at the left margin
 * that follows a blank line where there is one, else after a blank line, else where the indentation is least.
 *
 * Synchronous: every part of the text is tokenised a few times and no more, whatever it consists of.
 *
 * @throws AnchorageError `contextTooLong` when what is written round a chunk leaves no room for text.
 */
export function chunkText(text: string, options: ChunkOptions): TextChunk[] {
  const lines = linesOf(text, options.startLine);
  const last = lines.at(-1);
  if (last === undefined) return [];
  const round = options.cost({ ...last, text: '' });
  const room = options.limit - round;
  if (room < options.limit * leastShare) {
    throw new AnchorageError(
      'contextTooLong',
      `The text cannot be cut: its name and place take ${round} of the ${options.limit} tokens that the model reads at a time.`,
      'Attach a selection of a few lines, or use a model that reads longer sequences.',
    );
  }
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

/**
 * Cuts a line that is too long into pieces that fit, never inside a surrogate pair. One character stays whole whatever
 * its size.
 */
function unitsOf(line: TextChunk, room: number, sizeOf: ChunkOptions['size']): Unit[] {
  const units: Unit[] = [];
  // Each piece is tried at the length that the one before it suggests: a line of a megabyte is tokenised piece by
  // piece, once or twice, and never as a whole.
  let length = room * usualCharacters;
  for (let from = 0; from < line.text.length;) {
    const to = cutAfter(line.text, from, length);
    const text = line.text.slice(from, to);
    const size = sizeOf(text);
    const shorter = cutAfter(line.text, from, Math.floor((text.length * room * 0.9) / Math.max(1, size)));
    if (size > room && shorter < to) {
      length = shorter - from;
      continue;
    }
    units.push({ ...line, text, from: line.from + from, to: line.from + to, size: Math.min(size, room) });
    length = Math.max(length, Math.floor((text.length * room) / Math.max(1, size)));
    from = to;
  }
  return units;
}

/** Index after `length` units of text from `from` on, at least one character, and not inside a surrogate pair. */
function cutAfter(text: string, from: number, length: number): number {
  const to = Math.min(from + Math.max(1, length), text.length);
  if (!isLowSurrogate(text, to)) return to;
  return to - 1 > from ? to - 1 : to + 1;
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
  // Tokens merge across lines, or rarely split: the sum of the sizes is close, and not exact. So the count is sought
  // from there in steps that double, then by halves; blank lines by the thousand may be a chunk.
  const fits = (more: number): boolean => cost(joined(units.slice(first, first + more))) <= limit;
  let low = 1; // One is taken, whether it fits or not.
  let high = units.length - first + 1;
  let probe = Math.min(Math.max(2, count), high - 1);
  for (let step = 1; high - low > 1; step *= 2) {
    const isFitting = fits(probe);
    if (isFitting) low = probe;
    else high = probe;
    const middle = (low + high) >> 1;
    probe = isFitting ? Math.min(middle, low + step) : Math.max(middle, high - step);
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
