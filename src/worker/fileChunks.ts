import type { SequenceText } from '../memory/sessionSequence.ts';
import type { Attachment } from '../protocol/worker.ts';
import { cutText, type TextChunk } from './chunker.ts';
import type { Model } from './model.ts';
import { shortPath } from './shortPath.ts';

/** A text that is read as anchored chunks. */
export type FileText = Omit<Attachment, 'kind'>;

/** A chunk's text, as a sequence. */
export type FileChunk = Extract<SequenceText, { readonly kind: 'chunk' }>;

/** Most tokens of a chunk, also where a model could read longer sequences at a time: the pieces that a question picks from. */
const mostTokens = 256;

/** Share of a chunk that the path of its file may take. */
const pathShare = 0.25;

/**
 * The chunks of a text as the model reads them, the same wherever the text comes from: attached, or read ahead. Each
 * is tokenised when it is asked for, so that whoever must not be busy for long pauses between two.
 *
 * @throws AnchorageError `contextTooLong` when the path and place of a chunk leave no room for its text.
 */
export function* chunksOf(
  model: Pick<Model, 'maxSequenceTokens' | 'encode' | 'encodeText'>,
  { path, languageId, startLine, text, symbolLines }: FileText,
): Generator<FileChunk, void> {
  const limit = Math.min(model.maxSequenceTokens, mostTokens);
  const shown = shortPath(path, Math.floor(limit * pathShare), (piece) => model.encodeText(piece).length);
  // The model remembers the tokens of the texts that it is given, so the one that was measured is the one to read.
  const measured = new WeakMap<TextChunk, FileChunk>();
  const chunkOf = (piece: TextChunk): FileChunk => ({
    kind: 'chunk',
    path: shown,
    languageId,
    startLine: piece.startLine,
    endLine: piece.endLine,
    text: piece.text,
  });
  const cost = (piece: TextChunk): number => {
    const chunk = chunkOf(piece);
    measured.set(piece, chunk);
    return model.encode(chunk).length;
  };
  for (const piece of cutText(text, { startLine, limit, symbolLines, cost })) {
    yield measured.get(piece) ?? chunkOf(piece);
  }
}
