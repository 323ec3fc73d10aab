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
