import { AnchorageError } from '../protocol/errors.ts';
import type { AnchorCache } from './anchorCache.ts';
import { fromFloat16, toFloat16 } from './float16.ts';
import type { PlacedToken } from './placedToken.ts';
import type { SealedSequence, SequenceAnchors } from './sealedSequence.ts';

/** Copies a sequence's rows out of a cache. */
export function pack(
  cache: AnchorCache,
  sequence: SealedSequence,
  textPosition: number,
  precision: 'fp32' | 'fp16',
): SequenceAnchors {
  const { firstRow, rows, textTokens, span, ratio, choice, independent, state } = sequence;
  const keyValues = cache.copyRows(firstRow, rows);
  return {
    precision,
    keyValues: precision === 'fp16' ? toFloat16(keyValues) : keyValues,
    positions: cache.positions.slice(firstRow, firstRow + rows),
    textPosition,
    sequence: { rows, textTokens, span, ratio, choice, independent, state },
  };
}

/**
 * Appends rows to a cache as sequence `number`. Their keys are re-rotated to their new index in the cache, or, with
 * `textPosition`, by as much as the sequence has moved in the text.
 *
 * @throws AnchorageError `invalidInput` when the rows are not of this cache's shape.
 */
export function unpack(
  cache: AnchorCache,
  anchors: SequenceAnchors,
  number: number,
  textPosition: number | null,
): void {
  const { positions, sequence } = anchors;
  const values = anchors.keyValues instanceof Uint16Array ? fromFloat16(anchors.keyValues) : anchors.keyValues;
  if (positions.length !== sequence.rows || values.length !== 2 * cache.layers * sequence.rows * cache.width) {
    throw new AnchorageError(
      'invalidInput',
      `Stored anchors of ${sequence.rows} rows hold ${values.length} numbers and ${positions.length} positions.`,
      'They belong to another model; read the text again.',
    );
  }
  const first = cache.rows;
  const tokens = Array.from(positions, (position): PlacedToken => {
    return { id: 0, position, sequence: number, anchor: false, kept: true, alone: false };
  });
  cache.append(values, tokens);
  positions.forEach((position, i) => {
    const moved = textPosition === null ? first + i : position + textPosition - anchors.textPosition;
    cache.rerotate(first + i, moved);
  });
}
