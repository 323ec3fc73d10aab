import type { AnchorConfig, Choice } from '../protocol/anchorConfig.ts';
import { assertNever } from '../protocol/errors.ts';
import { anchorCount, chooseAnchors, strideAnchors } from './anchorChoice.ts';
import type { SequencePart } from './sequenceReader.ts';

/** Gives the scores of a piece's tokens; not called where the choice needs none. */
export type ScorePiece = (piece: readonly number[]) => Promise<ArrayLike<number>>;

/** Cuts a text into sequences of at most `longest` tokens. */
export function pieces(tokens: readonly number[], longest: number): number[][] {
  const out: number[][] = [];
  for (let start = 0; start < tokens.length; start += longest) out.push(tokens.slice(start, start + longest));
  return out;
}

/** How anchors are put into a text. */
export interface AnchorsBy {
  readonly ratio: number;
  readonly choice: Choice;
  readonly independent: boolean;
  readonly score: ScorePiece;
}

/** A text as it is sealed: its pieces with their anchors in place. */
export async function sealedParts(
  tokens: readonly number[],
  config: AnchorConfig,
  by: AnchorsBy,
): Promise<SequencePart[]> {
  const parts: SequencePart[] = [];
  for (const piece of pieces(tokens, config.max_sequence_tokens)) parts.push(await withAnchors(piece, config, by));
  return parts;
}

/** Rows that stay of a text that is sealed: as many under every choice. */
export function anchorRows(tokens: readonly number[], config: AnchorConfig, ratio: number): number {
  const ofPiece = (piece: readonly number[]): number =>
    config.scheme === 'EP' ? endpoints(piece, config).size : anchorCount(piece.length, ratio);
  return pieces(tokens, config.max_sequence_tokens).reduce((sum, piece) => sum + ofPiece(piece), 0);
}

/** A sequence with its anchors in place: added (AC), found (EP) or chosen (mark, select). */
export async function withAnchors(
  tokens: readonly number[],
  config: AnchorConfig,
  how: AnchorsBy,
): Promise<SequencePart> {
  const part = { alone: how.independent, end: 'reduce' } as const;
  switch (config.scheme) {
    case 'AC': {
      const { ids, anchors } = withAddedAnchors(tokens, config.anchor_token_ids, how.ratio);
      return { ...part, ids, anchors };
    }
    case 'EP':
      return { ...part, ids: tokens, anchors: endpoints(tokens, config) };
    case 'mark':
    case 'select': {
      const chosen =
        how.choice === 'stride'
          ? strideAnchors(tokens.length, how.ratio)
          : chooseAnchors(how.choice, await how.score(tokens), how.ratio);
      return { ...part, ids: tokens, anchors: new Set(chosen) };
    }
    default:
      return assertNever(config.scheme);
  }
}

/** Indices of a sequence's endpoint tokens, its last token among them. */
function endpoints(tokens: readonly number[], config: AnchorConfig): Set<number> {
  const ids = new Set(config.anchor_token_ids);
  const found = tokens.flatMap((id, t) => (ids.has(id) ? [t] : []));
  return new Set([...found, tokens.length - 1]);
}

/** An added token after every `ratio` tokens and at the end; several added tokens take turns. */
function withAddedAnchors(
  tokens: readonly number[],
  added: readonly number[],
  ratio: number,
): { ids: number[]; anchors: Set<number> } {
  const ids: number[] = [];
  const anchors = new Set<number>();
  const after = new Set(strideAnchors(tokens.length, ratio));
  tokens.forEach((id, t) => {
    ids.push(id);
    if (!after.has(t)) return;
    const anchor = added[anchors.size % added.length];
    anchors.add(ids.length);
    ids.push(anchor ?? 0);
  });
  return { ids, anchors };
}
