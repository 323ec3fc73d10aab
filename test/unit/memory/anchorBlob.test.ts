import assert from 'node:assert/strict';
import { Random } from '../../../src/engine/random.ts';
import type { SequenceAnchors } from '../../../src/engine/sealedSequence.ts';
import { decodeAnchors, encodeAnchors } from '../../../src/memory/anchorBlob.ts';

const anchors: SequenceAnchors = {
  precision: 'fp16',
  keyValues: Uint16Array.from({ length: 24 }, (_, i) => i * 2700),
  positions: Int32Array.of(3, 5, 9),
  textPosition: 17,
  sequence: { textTokens: 20, span: 20, rows: 3, ratio: 8, choice: 'window', independent: true, state: 'anchored' },
};

describe('anchor blob', () => {
  it('gives back what was written, also from the middle of a larger buffer', () => {
    const bytes = encodeAnchors(anchors);
    assert.deepEqual(decodeAnchors(bytes), anchors);
    const padded = new Uint8Array(bytes.length + 7);
    padded.set(bytes, 3);
    assert.deepEqual(decodeAnchors(padded.subarray(3, 3 + bytes.length)), anchors);
  });

  it('takes no damaged bytes for anchors, and never throws', () => {
    const bytes = encodeAnchors(anchors);
    for (let cut = 0; cut < bytes.length; cut++) assert.equal(decodeAnchors(bytes.subarray(0, cut)), undefined);
    const random = new Random(3);
    for (let at = 0; at < bytes.length; at++) {
      const damaged = bytes.slice();
      damaged[at] = (damaged[at] ?? 0) ^ random.integer(1, 255);
      assert.equal(decodeAnchors(damaged), undefined, `byte ${at}`);
    }
  });
});
