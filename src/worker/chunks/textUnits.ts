import { estimateTokens } from './tokenEstimate.ts';

/** What a chunk is made of: a line with its line break, or a piece of one that is too long for a chunk. */
export interface TextUnit {
  /** `[from, to)` of the text, in UTF-16 units. */
  readonly from: number;
  readonly to: number;
  /** Number of its line. */
  readonly line: number;
  readonly isLineStart: boolean;
  /** Estimated tokens; never 0, so that a run of blank lines has a length too. */
  readonly size: number;
}

/** Size of a blank line: tokenizers have one token for many. */
const leastSize = 0.25;

/** A piece of a long line has at least so many characters, if the line goes on, and at most so many times as many. */
const pieceCharacters = 32;
const mostPieces = 8;

/** The units of a text. @param longest line that is not cut into pieces, in tokens as estimated. */
export function unitsOf(text: string, startLine: number, longest: number): TextUnit[] {
  const units: TextUnit[] = [];
  for (let from = 0, line = startLine; from < text.length; line++) {
    const end = text.indexOf('\n', from);
    const to = end < 0 ? text.length : end + 1;
    const size = estimateTokens(text, from, to);
    if (size > longest) units.push(...piecesOf(text, from, to, line));
    else units.push({ from, to, line, isLineStart: true, size: Math.max(size, leastSize) });
    from = to;
  }
  return units;
}

/**
 * Cuts a line where its own characters say, so that an edit moves the cuts near it alone: after a space or a mark that
 * is chosen by the characters before it, else after so many characters.
 */
function piecesOf(text: string, begin: number, end: number, line: number): TextUnit[] {
  const pieces: TextUnit[] = [];
  for (let from = begin; from < end;) {
    const to = pieceEnd(text, from, end);
    const size = Math.max(estimateTokens(text, from, to), leastSize);
    pieces.push({ from, to, line, isLineStart: from === begin, size });
    from = to;
  }
  return pieces;
}

function pieceEnd(text: string, from: number, end: number): number {
  const last = Math.min(from + pieceCharacters * mostPieces, end);
  for (let to = from + pieceCharacters; to < last; to++) {
    if (isSeparator(text.charCodeAt(to - 1)) && isChosen(text, to)) return to;
  }
  return outsidePair(text, last);
}

function isSeparator(code: number): boolean {
  return code <= 0x2f || (code >= 0x3a && code <= 0x40) || (code >= 0x5b && code <= 0x5e) || code === 0x7d;
}

/** One place in four, by the four characters in front of it. */
function isChosen(text: string, to: number): boolean {
  let hash = 0;
  for (let index = to - 4; index < to; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return ((hash >>> 13) & 3) === 0;
}

/** The index, or the one before it where that would cut a surrogate pair in two. */
export function outsidePair(text: string, index: number): number {
  const low = text.charCodeAt(index);
  const high = text.charCodeAt(index - 1);
  const isInside = low >= 0xdc00 && low <= 0xdfff && high >= 0xd800 && high <= 0xdbff;
  return isInside ? index - 1 : index;
}
