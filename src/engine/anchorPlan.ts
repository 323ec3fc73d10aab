import type { AnchorConfig, Choice } from '../protocol/anchorConfig.ts';
import { assertNever } from '../protocol/errors.ts';
import { chooseAnchors, strideAnchors } from './anchorChoice.ts';
import type { SequencePart } from './sequenceReader.ts';

/** Gives the scores of a piece's tokens; not called where the choice needs none. */
export type ScorePiece = (piece: readonly number[]) => Promise<ArrayLike<number>>;

/** Cuts a text into sequences of at most `longest` tokens. */
export function pieces(tokens: readonly number[], longest: number): number[][] {
  const out: number[][] = [];
  for (let start = 0; start < tokens.length; start += longest) out.push(tokens.slice(start, start + longest));
  return out;
}

/** A sequence with its anchors in place: added (AC), found (EP) or chosen (mark, select). */
export async function withAnchors(
  tokens: readonly number[],
  config: AnchorConfig,
  how: { readonly ratio: number; readonly choice: Choice; readonly independent: boolean; readonly score: ScorePiece },
): Promise<SequencePart> {
  const part = { alone: how.independent, end: 'reduce' } as const;
  switch (config.scheme) {
    case 'AC': {
      const { ids, anchors } = withAddedAnchors(tokens, config.anchor_token_ids, how.ratio);
      return { ...part, ids, anchors };
    }
    case 'EP': {
      const endpoints = new Set(config.anchor_token_ids);
      const found = tokens.flatMap((id, t) => (endpoints.has(id) ? [t] : []));
      return { ...part, ids: tokens, anchors: new Set([...found, tokens.length - 1]) };
    }
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
