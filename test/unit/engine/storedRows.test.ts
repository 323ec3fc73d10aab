import assert from 'node:assert/strict';
import { AnchorCache } from '../../../src/engine/anchorCache.ts';
import { KvArenas } from '../../../src/engine/kvArenas.ts';
import { fromFloat16, toFloat16 } from '../../../src/engine/float16.ts';
import { fromInt8, toInt8 } from '../../../src/engine/int8Rows.ts';
import { Random } from '../../../src/engine/random.ts';
import { anchorPrecisions, type SealedSequence, type SequenceAnchors } from '../../../src/engine/sealedSequence.ts';
import { pack, unpack } from '../../../src/engine/sequenceAnchors.ts';
import { AnchorageError } from '../../../src/protocol/errors.ts';

const shape = { num_hidden_layers: 2, num_key_value_heads: 2, head_dim: 4, rope_theta: 100, rope_scaling: null };

function there(values: readonly number[], headDim: number): number[] {
  const out = new Float32Array(values.length);
  fromInt8(toInt8(Float32Array.from(values), headDim), headDim, out);
  return Array.from(out);
}

/** A cache of three rows, and their sequence. */
async function filled(): Promise<{ cache: AnchorCache; sequence: SealedSequence }> {
  const cache = new AnchorCache(shape, new KvArenas(shape, 'float32'));
  const random = new Random(2);
  const values = Float32Array.from({ length: 4 * 3 * 8 }, () => (random.next() - 0.5) * 4);
  const tokens = [0, 1, 2].map((position) => {
    return { id: 0, position, sequence: 1, anchor: false, kept: true, alone: false };
  });
  await cache.append(values, tokens);
  const sequence: SealedSequence = {
    index: 0,
    textTokens: 9,
    span: 9,
    firstRow: 0,
    rows: 3,
    ratio: 3,
    choice: 'window',
    independent: false,
    state: 'anchored',
  };
  return { cache, sequence };
}

describe('stored rows', () => {
  it('in 8 bits are at most half a step off, whatever the size of their numbers', () => {
    const random = new Random(4);
    for (const size of [1e-6, 1e-3, 1, 300, 1e6]) {
      const values = Array.from({ length: 64 }, () => Math.fround((random.next() - 0.5) * size));
      const read = there(values, 16);
      for (let head = 0; head < 4; head++) {
        const most = Math.max(...values.slice(16 * head, 16 * head + 16).map(Math.abs));
        // Scales below half precision's normal range are multiples of 2^-24.
        const step = (most / 127) * 1.001 + 2 ** -24;
        for (let i = 16 * head; i < 16 * head + 16; i++) {
          const off = Math.abs((read[i] ?? NaN) - (values[i] ?? NaN));
          assert.ok(off <= step * 0.501, `${off} off at size ${size}, a step being ${step}`);
        }
      }
    }
  });

  it('in 8 bits have a scale for every head, keep zeros and signs, and the largest numbers', () => {
    assert.deepEqual(there([0, 0, 0, 0], 2), [0, 0, 0, 0]);
    const read = there([127, -127, 1, 0, 0.127, -0.063, 0, -0.127], 4);
    assert.deepEqual(read.slice(0, 4), [127, -127, 1, 0]);
    [0.127, -0.063, 0, -0.127].forEach((value, i) => assert.ok(Math.abs((read[4 + i] ?? NaN) - value) < 1e-4));
    assert.deepEqual([...toInt8(Float32Array.of(1e-9, 3e38, 3e38, -3e38), 1).steps.subarray(0, 1)], [0]);
  });

  it('in half precision come back from every pattern of bits', () => {
    const bits = Uint16Array.from({ length: 1 << 16 }, (_, i) => i);
    const isNaN16 = (half: number): boolean => (half & 0x7fff) > 0x7c00;
    const back = toFloat16(fromFloat16(bits));
    for (const half of bits) assert.equal(isNaN16(half) ? half : back[half], half);
    const view = new Float32Array(4);
    fromFloat16(Uint16Array.of(0x3c00, 0xc000), view.subarray(1, 3));
    assert.deepEqual([...view], [0, 1, -2, 0]);
  });

  for (const precision of anchorPrecisions) {
    it(`go out and in again in ${precision}, in their order and at their places`, async () => {
      const { cache, sequence } = await filled();
      const other = new AnchorCache(shape, new KvArenas(shape, 'float32'));
      await unpack(other, await pack(cache, sequence, 0, precision), 1, null);
      assert.equal(other.rows, 3);
      assert.deepEqual([...other.positions], [0, 1, 2]);
      const tolerance = { fp32: 0, fp16: 0.002, int8: 0.01 }[precision];
      const expected = await cache.copyRows(0, 3);
      (await other.copyRows(0, 3)).forEach((value, i) => {
        assert.ok(Math.abs(value - (expected[i] ?? NaN)) <= tolerance, `number ${i}`);
      });
    });
  }

  it('find room that was made for them, as far as there is memory', async () => {
    const { cache, sequence } = await filled();
    const rowBytes = cache.bytesPerRow;
    let taken = 0;
    const account = {
      get available(): number {
        return 100 * rowBytes - taken;
      },
      take: (bytes: number): void => void (taken += bytes),
      give: (bytes: number): void => void (taken -= bytes),
    };
    const other = new AnchorCache(shape, new KvArenas(shape, 'float32'), account);
    await other.makeRoom(50);
    const made = taken;
    assert.ok(made >= 50 * rowBytes && made < 70 * rowBytes);
    for (let n = 0; n < 16; n++) await unpack(other, await pack(cache, sequence, 0, 'int8'), n, null);
    assert.equal(taken, made);
    assert.equal(other.rows, 48);
    await other.makeRoom(1000);
    assert.ok(taken <= 100 * rowBytes);
    assert.deepEqual([...other.positions.subarray(0, 4)], [0, 1, 2, 3]);
  });

  it('are refused when they are of another shape, and the cache stays as it is', async () => {
    const { cache, sequence } = await filled();
    const packed = await pack(cache, sequence, 0, 'int8');
    assert.ok(packed.precision === 'int8');
    const wrong: readonly SequenceAnchors[] = [
      { ...packed, keyValues: packed.keyValues.slice(1) },
      { ...packed, scales: packed.scales.slice(1) },
      { ...packed, scales: new Uint16Array(packed.scales.length * 2) },
      { ...packed, positions: packed.positions.slice(1) },
      { ...packed, precision: 'fp16', keyValues: new Uint16Array(7) },
    ];
    for (const anchors of wrong) {
      const other = new AnchorCache(shape, new KvArenas(shape, 'float32'));
      await assert.rejects(unpack(other, anchors, 1, null), (error) => AnchorageError.is(error, 'invalidInput'));
      assert.equal(other.rows, 0);
    }
  });
});
