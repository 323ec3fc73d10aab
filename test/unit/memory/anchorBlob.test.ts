import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { Random } from '../../../src/engine/random.ts';
import type { SequenceAnchors } from '../../../src/engine/sealedSequence.ts';
import { decodeAnchors, encodeAnchors } from '../../../src/memory/anchorBlob.ts';

const place = {
  positions: Int32Array.of(3, 5, 9),
  textPosition: 17,
  sequence: {
    textTokens: 20,
    span: 20,
    rows: 3,
    ratio: 8,
    choice: 'window',
    independent: true,
    state: 'anchored',
  },
} as const;

const fp16: SequenceAnchors = {
  ...place,
  precision: 'fp16',
  keyValues: Uint16Array.from({ length: 24 }, (_, i) => i * 2700),
};
const int8: SequenceAnchors = {
  ...place,
  precision: 'int8',
  keyValues: Int8Array.from({ length: 21 }, (_, i) => i * 12 - 127),
  scales: Uint16Array.from({ length: 3 }, (_, i) => i * 20_000),
};

/** The bytes with a right checksum, as somebody would write them who wants to be believed. */
function signed(bytes: Uint8Array): Uint8Array {
  const out = bytes.slice();
  out.set(createHash('sha256').update(out.subarray(32)).digest());
  return out;
}

/** The bytes with another header of the same length. */
function withHeader(bytes: Uint8Array, change: (json: string) => string): Uint8Array {
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(32, true);
  const json = Buffer.from(bytes.subarray(36, 36 + length)).toString('utf8');
  const changed = change(json);
  assert.notEqual(changed, json);
  const out = bytes.slice();
  out.set(Buffer.from(changed.trimEnd().padEnd(length)), 36);
  return signed(out);
}

describe('anchor blob', () => {
  for (const anchors of [fp16, int8]) {
    it(`gives back what was written in ${anchors.precision}, also from the middle of a larger buffer`, () => {
      const bytes = encodeAnchors(anchors);
      assert.deepEqual(decodeAnchors(bytes), anchors);
      for (const offset of [3, 4]) {
        const padded = new Uint8Array(bytes.length + 7);
        padded.set(bytes, offset);
        assert.deepEqual(decodeAnchors(padded.subarray(offset, offset + bytes.length)), anchors);
        assert.deepEqual(decodeAnchors(Buffer.from(padded.buffer, offset, bytes.length)), anchors);
      }
    });

    it(`takes no damaged bytes for anchors in ${anchors.precision}, and never throws`, () => {
      const bytes = encodeAnchors(anchors);
      for (let cut = 0; cut < bytes.length; cut++) assert.equal(decodeAnchors(bytes.subarray(0, cut)), undefined);
      const random = new Random(3);
      for (let at = 0; at < bytes.length; at++) {
        const damaged = bytes.slice();
        damaged[at] = (damaged[at] ?? 0) ^ random.integer(1, 255);
        assert.equal(decodeAnchors(damaged), undefined, `byte ${at}`);
      }
    });

    it(`takes only what fits together for anchors in ${anchors.precision}, whatever the checksum says`, () => {
      const bytes = encodeAnchors(anchors);
      assert.deepEqual(decodeAnchors(signed(bytes)), anchors);
      for (let cut = 32; cut < bytes.length; cut++) {
        assert.equal(decodeAnchors(signed(bytes.subarray(0, cut))), undefined, `cut at ${cut}`);
      }
      const random = new Random(5);
      for (let n = 0; n < 2000; n++) {
        const damaged = bytes.slice();
        damaged[random.integer(32, bytes.length - 1)] = random.integer(0, 255);
        const read = decodeAnchors(signed(damaged));
        if (read === undefined) continue;
        assert.equal(read.positions.length, read.sequence.rows);
        assert.equal(read.keyValues.length, anchors.keyValues.length);
      }
    });
  }

  it('refuses headers that lie', () => {
    const bytes = encodeAnchors(int8);
    const lies: readonly [string, (json: string) => string][] = [
      ['another format', (json) => json.replace('"format":2', '"format":1')],
      ['another precision', (json) => json.replace('"int8"', '"fp16"')],
      ['fewer numbers', (json) => json.replace('"numbers":21', '"numbers":20')],
      ['more scales', (json) => json.replace('"scales":3', '"scales":4')],
      ['more rows', (json) => json.replace('"rows":3', '"rows":4')],
      ['a negative position', (json) => json.replace('[3,', '[-3,')],
      ['a position beyond 32 bits', (json) => json.replace('[3,', '[3e9,')],
    ];
    for (const [name, lie] of lies) assert.equal(decodeAnchors(withHeader(bytes, lie)), undefined, name);
  });

  it('stores no fp32', () => {
    assert.throws(() => encodeAnchors({ ...place, precision: 'fp32', keyValues: new Float32Array(24) }), RangeError);
  });
});
