import type { AnchorConfig } from '../protocol/anchorConfig.ts';
import { assertNever } from '../protocol/errors.ts';
import type { OpenSequence, SequencePart } from './sequenceReader.ts';

/** Tokens cut where an anchor closes a sequence. */
export interface OnlineParts {
  readonly parts: readonly SequencePart[];
  /** Per given token, the index of the fed token whose logits predict the next one: behind an added anchor. */
  readonly logitIndices: readonly number[];
  /** Tokens of the sequence left open. */
  readonly tail: readonly number[];
}

/**
 * Online reduction (arXiv 2402.07616, algorithm 1): every anchor, fed or generated, closes its sequence at once.
 *
 * EP closes at endpoint tokens. The others close after `ratio` tokens: AC by an added token, since the base cannot
 * generate one, mark and select by their `ratio`-th token. An `<AC>` that is fed closes as well.
 *
 * @param tail tokens of the open sequence, which `open` describes.
 */
export function onlineParts(
  tokens: readonly number[],
  config: AnchorConfig,
  ratio: number,
  tail: readonly number[],
  open: OpenSequence | undefined,
): OnlineParts {
  const anchorIds = new Set(config.anchor_token_ids);
  const parts: SequencePart[] = [];
  const logitIndices: number[] = [];
  let length = tail.length;
  let ids: number[] = [];
  let fed = 0;
  const push = (id: number): void => {
    ids.push(id);
    fed++;
  };
  const finish = (end: 'reduce' | 'open'): void => {
    const anchors = new Set(end === 'reduce' ? [ids.length - 1] : []);
    parts.push({ ids, anchors, alone: false, end, continues: parts.length === 0 ? open : undefined });
    ids = [];
  };
  for (const id of tokens) {
    push(id);
    length++;
    const closes = closing(config, anchorIds, id, length, ratio);
    if (closes === 'added') push(config.anchor_token_ids[0] ?? 0);
    logitIndices.push(fed - 1);
    if (closes === 'no') continue;
    finish('reduce');
    length = 0;
  }
  const rest = length === 0 ? [] : [...tail.slice(0, length - ids.length), ...ids];
  if (ids.length > 0) finish('open');
  return { parts, logitIndices, tail: rest };
}

function closing(
  config: AnchorConfig,
  anchorIds: ReadonlySet<number>,
  id: number,
  length: number,
  ratio: number,
): 'no' | 'itself' | 'added' {
  switch (config.scheme) {
    case 'AC':
      return anchorIds.has(id) ? 'itself' : length >= ratio ? 'added' : 'no';
    case 'EP':
      return anchorIds.has(id) ? 'itself' : 'no';
    case 'mark':
    case 'select':
      return length >= ratio ? 'itself' : 'no';
    default:
      return assertNever(config.scheme);
  }
}
