import { z } from 'zod';
import type { ModelPackage } from '../../../src/engine/modelPackage.ts';
import { sourceFiles } from '../benchFiles.ts';
import { heldoutTexts } from '../heldout.ts';

const ids = z.array(z.int().min(0));
const markSchema = z.object({ length: z.int(), exchanges: z.int(), tokens: z.int() });

/** A session as every engine gets it, in token ids. */
export const codingSessionSchema = z.object({
  pinned: ids,
  /** A question with lines of a file and its answer, each. */
  exchanges: z.array(ids),
  /** A short question after so many exchanges, and what is read as its answer. */
  question: ids,
  answer: ids,
  /** A text to be read over an empty context. */
  reading: ids,
  /** How many exchanges make up a session of so many tokens, and how many tokens these are, the pinned prefix counted. */
  marks: z.array(markSchema),
});
export type CodingSession = z.infer<typeof codingSessionSchema>;
export type Mark = z.infer<typeof markSchema>;

const pieceCharacters = 700;
const readingTokens = 512;
/** Of so many pieces one is of held-out text, the others of the repository's sources. */
const heldoutEvery = 4;

/** A session about the repository's own sources and held-out texts. */
export async function codingSession(
  { layout, tokenizer }: ModelPackage,
  lengths: readonly number[],
  answerTokens: number,
): Promise<CodingSession> {
  const pinned = layout.pinned();
  const exchanges: number[][] = [];
  const longest = Math.max(...lengths);
  const pieces = await sessionPieces();
  const totals = [pinned.length];
  for (const { title, text } of pieces) {
    const exchange = layout.exchange(
      `${title}\n\n${text}\n\nWhat is this part for?`,
      `It is a part of ${title.replace(/:$/, '')}, and I will keep in mind what it does.`,
    );
    const total = (totals.at(-1) ?? 0) + exchange.length;
    if (total > longest) break;
    exchanges.push(exchange);
    totals.push(total);
  }
  const prose = tokenizer.encodeText(
    pieces
      .map(({ text }) => text)
      .toReversed()
      .join('\n')
      .slice(0, 8000),
  );
  const marks = lengths.map((length): Mark => {
    const within = totals.filter((total) => total <= Math.max(length, pinned.length)).length - 1;
    return { length, exchanges: within, tokens: totals[within] ?? 0 };
  });
  return {
    pinned,
    exchanges,
    question: layout.live('Which of these parts reads a file, and what does it check in it?'),
    answer: tokenizer.encodeText(pieces.at(-1)?.text ?? '').slice(0, answerTokens),
    reading: prose.slice(0, readingTokens),
    marks,
  };
}

interface Piece {
  readonly title: string;
  readonly text: string;
}

async function sessionPieces(): Promise<Piece[]> {
  const heldout = (await heldoutTexts()).flatMap(({ kind, text }) =>
    cut(text).map((piece): Piece => ({ title: `Here is some ${kind}:`, text: piece })),
  );
  const sources = (await sourceFiles()).flatMap(({ path, text }) =>
    cut(text).map((piece): Piece => ({ title: `From ${path}:`, text: piece })),
  );
  return sources.flatMap((piece, i) => {
    const other = i % (heldoutEvery - 1) === 0 ? heldout[i / (heldoutEvery - 1)] : undefined;
    return other === undefined ? [piece] : [piece, other];
  });
}

/** Whole lines, of about as much text as the model reads at a time. */
function cut(text: string): string[] {
  const pieces: string[] = [];
  let piece = '';
  for (const line of text.split('\n')) {
    if (piece.length + line.length > pieceCharacters && piece !== '') {
      pieces.push(piece);
      piece = '';
    }
    piece += `${line.slice(0, pieceCharacters)}\n`;
  }
  return pieces;
}
