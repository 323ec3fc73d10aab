import type { ModelTokenizer } from '../../../../src/engine/tokenizer.ts';

/** Pieces of a text of about so many characters, ending with a line where one ends near there; short rests are left out. */
export function piecesOf(text: string, characters: number): string[] {
  const pieces: string[] = [];
  for (let from = 0; from < text.length;) {
    const lineEnd = text.lastIndexOf('\n', from + characters);
    const end = lineEnd > from + characters / 2 ? lineEnd + 1 : from + characters;
    const piece = text.slice(from, end).toWellFormed();
    if (piece.trim().length > characters / 3) pieces.push(piece);
    from = end;
  }
  return pieces;
}

/** The texts of every `size` tokens. */
export function tokenPieces(ids: readonly number[], size: number, tokenizer: ModelTokenizer): string[] {
  const pieces: string[] = [];
  for (let from = 0; from < ids.length; from += size) {
    pieces.push(tokenizer.decode(ids.slice(from, from + size)).toWellFormed());
  }
  return pieces;
}

/** Every `size` of the texts as one. */
export function joinedBy(texts: readonly string[], size: number): string[] {
  return Array.from({ length: Math.ceil(texts.length / size) }, (_, i) =>
    texts.slice(size * i, size * (i + 1)).join(''),
  );
}
