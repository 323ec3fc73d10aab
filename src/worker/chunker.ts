import { AnchorageError } from '../protocol/errors.ts';
import { rankCuts } from './chunks/cutRanks.ts';
import { LocalCuts, type Span } from './chunks/localCuts.ts';
import { outsidePair, unitsOf } from './chunks/textUnits.ts';
import { estimateTokens, sampleText } from './chunks/tokenEstimate.ts';

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
  /** Lines at which a symbol begins, ascending; numbered as `startLine` says. */
  readonly symbolLines?: readonly number[];
  /** Tokens of a chunk with what is written round it: called once a chunk, and again for the parts of one over the limit. */
  readonly cost: (chunk: TextChunk) => number;
}

/** Least share of a chunk that its text gets; below it, what is written round every chunk would be most of what is read. */
const leastShare = 0.25;

/** Least size of a chunk's text, as a share of the room for it. */
const leastSize = 0.25;

/**
 * Cuts a text into chunks that cover it exactly, each within the limit and few below a quarter of it. Where it is cut
 * is decided by the text near the place (`LocalCuts`), at the beginning of symbols and blocks where there are any: an
 * edit makes the chunks that it touches new, and no others.
 *
 * Chunks are measured as they are asked for: each costs about the time of tokenising it once, and whoever must not be
 * busy for long pauses between two.
 *
 * @throws AnchorageError `contextTooLong` when what is written round a chunk leaves no room for text.
 */
export function* cutText(text: string, options: ChunkOptions): Generator<TextChunk> {
  if (text === '') return;
  const { startLine, limit, symbolLines = [], cost } = options;
  const empty = { text: '', from: 0, to: 0, startLine, endLine: startLine };
  const round = cost(empty);
  const room = limit - round;
  if (room < limit * leastShare) {
    throw new AnchorageError(
      'contextTooLong',
      `The text cannot be cut: its name and place take ${round} of the ${limit} tokens that the model reads at a time.`,
      'Attach a selection of a few lines, or use a model that reads longer sequences.',
    );
  }
  // Estimates are for one tokenizer; another's are about as many times larger everywhere as they are in a sample.
  const scale = estimateTokens(sampleText) / Math.max(1, cost({ ...empty, text: sampleText }) - round);
  const most = room * scale;
  const units = unitsOf(text, startLine, most);
  const cuts = new LocalCuts(units, rankCuts(text, units, symbolLines), {
    least: most * leastSize,
    most,
  });
  for (const span of cuts.spans()) yield* within(span);

  function* within(span: Span): Generator<TextChunk> {
    const chunk = chunkOf(span);
    const halves = cuts.halves(span);
    if (halves === null) yield* piecesOf(chunk);
    else if (cost(chunk) <= limit) yield chunk;
    else for (const half of halves) yield* within(half);
  }

  function chunkOf({ first, end }: Span): TextChunk {
    const begin = units[first];
    const last = units[end - 1];
    if (begin === undefined || last === undefined) throw new RangeError('A chunk has at least one unit');
    const { from } = begin;
    return { text: text.slice(from, last.to), from, to: last.to, startLine: begin.line, endLine: last.line };
  }

  /** A line, in parts where it takes more tokens than was estimated. One character stays whole whatever its size. */
  function* piecesOf(chunk: TextChunk): Generator<TextChunk> {
    const middle = outsidePair(text, (chunk.from + chunk.to + 1) >> 1);
    if (middle <= chunk.from || middle >= chunk.to || cost(chunk) <= limit) {
      yield chunk;
      return;
    }
    yield* piecesOf({ ...chunk, text: text.slice(chunk.from, middle), to: middle });
    yield* piecesOf({ ...chunk, text: text.slice(middle, chunk.to), from: middle });
  }
}
