import { AnchorageError, assertNever } from '../protocol/errors.ts';
import type { AnchorCache } from './anchorCache.ts';
import { fromFloat16, toFloat16 } from './float16.ts';
import { fromInt8, toInt8 } from './int8Rows.ts';
import type { PlacedToken } from './placedToken.ts';
import type { AnchorPrecision, SealedSequence, SequenceAnchors, StoredNumbers } from './sealedSequence.ts';

/** Copies a sequence's rows out of a cache. */
export async function pack(
  cache: AnchorCache,
  sequence: SealedSequence,
  textPosition: number,
  precision: AnchorPrecision,
): Promise<SequenceAnchors> {
  const { firstRow, rows, textTokens, span, ratio, choice, independent, state } = sequence;
  return {
    ...storedNumbers(await cache.copyRows(firstRow, rows), precision, cache.headDim),
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
export async function unpack(
  cache: AnchorCache,
  anchors: SequenceAnchors,
  number: number,
  textPosition: number | null,
): Promise<void> {
  const { positions, sequence, keyValues } = anchors;
  const count = 2 * cache.layers * sequence.rows * cache.width;
  const scales = anchors.precision === 'int8' ? anchors.scales.length * cache.headDim : count;
  if (positions.length !== sequence.rows || keyValues.length !== count || scales !== count) {
    throw new AnchorageError(
      'invalidInput',
      `Stored anchors of ${sequence.rows} rows hold ${keyValues.length} numbers and ${positions.length} positions.`,
      'They belong to another model; read the text again.',
    );
  }
  const first = cache.rows;
  const tokens = Array.from(positions, (stored, i): PlacedToken => {
    const position = textPosition === null ? first + i : stored + textPosition - anchors.textPosition;
    return { id: 0, position, sequence: number, anchor: false, kept: true, alone: false };
  });
  await cache.appendRotated(tokens, positions, (block, into) => {
    readNumbers(anchors, block * into.length, cache.headDim, into);
  });
}

function storedNumbers(keyValues: Float32Array, precision: AnchorPrecision, headDim: number): StoredNumbers {
  switch (precision) {
    case 'fp32':
      return { precision, keyValues };
    case 'fp16':
      return { precision, keyValues: toFloat16(keyValues) };
    case 'int8': {
      const { steps, scales } = toInt8(keyValues, headDim);
      return { precision, keyValues: steps, scales };
    }
    default:
      return assertNever(precision);
  }
}

/** Fills `into` with the stored numbers from `first` on. */
function readNumbers(stored: StoredNumbers, first: number, headDim: number, into: Float32Array): void {
  const end = first + into.length;
  switch (stored.precision) {
    case 'fp32':
      into.set(stored.keyValues.subarray(first, end));
      break;
    case 'fp16':
      fromFloat16(stored.keyValues.subarray(first, end), into);
      break;
    case 'int8': {
      const scales = stored.scales.subarray(first / headDim, end / headDim);
      fromInt8({ steps: stored.keyValues.subarray(first, end), scales }, headDim, into);
      break;
    }
    default:
      assertNever(stored);
  }
}
