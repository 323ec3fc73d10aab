import assert from 'node:assert/strict';
import { strideAnchors } from '../../../src/engine/anchorChoice.ts';
import type { Random } from '../../../src/engine/random.ts';
import type { ReferenceSequence } from './referenceDecoder.ts';
import type { TinyDecoder } from './tinyDecoder.ts';

const TOLERANCE = 1e-4;

/** Ids of ordinary tokens. */
export function randomIds(random: Random, count: number): number[] {
  return Array.from({ length: count }, () => random.integer(3, 258));
}

/** A sequence as the reference takes it. */
export function sequence(
  ids: readonly number[],
  anchors: Iterable<number> = [],
  alone = false,
  whole = false,
): ReferenceSequence {
  return { ids, anchors: new Set(anchors), alone, whole };
}

/** Logits [tokens][vocabulary] are equal up to rounding. */
export function assertClose(found: readonly Float32Array[], expected: readonly (readonly number[])[]): void {
  assert.equal(found.length, expected.length);
  found.forEach((row, i) => {
    const difference = row.reduce((most, x, j) => Math.max(most, Math.abs(x - (expected[i]?.[j] ?? NaN))), 0);
    assert.ok(difference <= TOLERANCE, `logits of token ${i} differ by ${difference}`);
  });
}

/** A sequence as the scheme puts anchors into it at a stride. */
export function anchored(
  { model }: TinyDecoder,
  ids: readonly number[],
  ratio: number,
  alone = false,
): ReferenceSequence {
  const { scheme, anchor_token_ids: added } = model.anchors;
  if (scheme === 'EP') {
    const ends = ids.flatMap((id, t) => (added.includes(id) || t === ids.length - 1 ? [t] : []));
    return sequence(ids, ends, alone);
  }
  const stride = strideAnchors(ids.length, ratio);
  if (scheme !== 'AC') return sequence(ids, stride, alone);
  const after = new Set(stride);
  const withAnchors = ids.flatMap((id, t) => (after.has(t) ? [id, added[0] ?? 0] : [id]));
  return sequence(
    withAnchors,
    withAnchors.flatMap((id, t) => (id === added[0] ? [t] : [])),
    alone,
  );
}
