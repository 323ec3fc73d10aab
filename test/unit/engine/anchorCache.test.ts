import assert from 'node:assert/strict';
import { AnchorCache } from '../../../src/engine/anchorCache.ts';
import { fromFloat16, toFloat16 } from '../../../src/engine/float16.ts';
import { KvArenas } from '../../../src/engine/kvArenas.ts';
import type { PlacedToken } from '../../../src/engine/placedToken.ts';
import { Random } from '../../../src/engine/random.ts';
import { Rope } from '../../../src/engine/rope.ts';

const shape = { num_hidden_layers: 2, num_key_value_heads: 2, head_dim: 4, rope_theta: 100, rope_scaling: null };
const width = shape.num_key_value_heads * shape.head_dim;

function tokens(count: number, position: number, sequence: number, kept: ReadonlySet<number>): PlacedToken[] {
  return Array.from({ length: count }, (_, t) => {
    return { id: 0, position: position + t, sequence, anchor: kept.has(t), kept: kept.has(t), alone: false };
  });
}

function randomRows(random: Random, count: number): Float32Array {
  return Float32Array.from({ length: 2 * shape.num_hidden_layers * count * width }, () => random.next() - 0.5);
}

/** Rotation by the definition, in complex numbers: element i with element i + half. */
function rotated(head: readonly number[], position: number, frequencies: Float64Array): number[] {
  const half = head.length / 2;
  return head.map((x, i) => {
    const angle = position * (frequencies[i % half] ?? 0);
    const other = head[i < half ? i + half : i - half] ?? 0;
    return x * Math.cos(angle) + (i < half ? -other : other) * Math.sin(angle);
  });
}

describe('anchor cache', () => {
  it('keeps the anchors of closed sequences, in order, and leaves open ones whole', async () => {
    const random = new Random(1);
    const cache = new AnchorCache(shape, new KvArenas(shape, 'float32'));
    const first = randomRows(random, 5);
    await cache.append(first, tokens(5, 0, 1, new Set([1, 4])));
    await cache.append(randomRows(random, 3), tokens(3, 5, 2, new Set([2])));
    await cache.reduce(0, (sequence) => sequence === 1, false);
    assert.deepEqual(Array.from(cache.positions), [1, 4, 5, 6, 7]);
    assert.deepEqual(Array.from(cache.sequences), [1, 1, 2, 2, 2]);
    assert.deepEqual(
      Array.from((await cache.copyRows(0, 1)).subarray(3 * width)),
      Array.from(first.subarray((3 * 5 + 1) * width, (3 * 5 + 2) * width)),
    );
    cache.truncate(1);
    assert.equal(cache.rows, 1);
    assert.equal(cache.bytes, 2 * 2 * width * 4);
  });

  it('holds rows in half precision, to their rounding, moved and rotated as in single', async () => {
    const random = new Random(4);
    const given = randomRows(random, 6);
    const placed = tokens(6, 0, 1, new Set([1, 4]));
    const [single, half] = [new KvArenas(shape, 'float32'), new KvArenas(shape, 'float16')];
    const caches = [new AnchorCache(shape, single), new AnchorCache(shape, half)];
    for (const cache of caches) {
      await cache.append(given, placed);
      await cache.reduce(0, () => true, true);
    }
    assert.equal(half.bytesPerRow * 2, single.bytesPerRow);
    const [expected, found] = await Promise.all(caches.map((cache) => cache.copyRows(0, cache.rows)));
    assert.ok(expected !== undefined && found?.length === expected.length && expected.length > 0);
    found.forEach((value, i) => assert.ok(Math.abs(value - (expected[i] ?? NaN)) <= 2e-3, `number ${i}`));
    assert.notDeepEqual(found, expected);
  });

  it('moves keys to other positions exactly, whatever the scaling', async () => {
    const scalings = [
      null,
      { rope_type: 'linear', factor: 4 },
      { rope_type: 'llama3', factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 64 },
    ] as const;
    for (const rope_scaling of scalings) {
      const scaled = { ...shape, rope_scaling };
      const { frequencies } = new Rope(scaled);
      const random = new Random(9);
      const plain = Array.from({ length: width }, () => random.next() - 0.5);
      const heads = [plain.slice(0, 4), plain.slice(4)];
      const at = (position: number): number[] => heads.flatMap((head) => rotated(head, position, frequencies));
      const cache = new AnchorCache(scaled, new KvArenas(scaled, 'float32'));
      const rows = new Float32Array(2 * shape.num_hidden_layers * width);
      for (let block = 0; block < 4; block++) rows.set(at(57), block * width);
      await cache.append(rows, tokens(1, 57, 1, new Set([0])));
      await cache.appendRotated(tokens(1, 5, 1, new Set([0])), [57], (block, into) => {
        into.set(rows.subarray(block * width, (block + 1) * width));
      });
      assert.deepEqual(Array.from(cache.positions), [57, 5]);
      const isAt = async (row: number, position: number): Promise<void> => {
        const found = await cache.copyRows(row, 1);
        at(position).forEach((expected, i) => {
          assert.ok(Math.abs((found[2 * width + i] ?? 0) - expected) < 1e-6);
          assert.ok(Math.abs((found[3 * width + i] ?? 0) - (at(57)[i] ?? 0)) < 1e-6, 'values are not rotated');
        });
      };
      await isAt(0, 57);
      await isAt(1, 5);
      await cache.reduce(0, () => true, true);
      await isAt(0, 0);
      await isAt(1, 1);
      await cache.remove(0, 1, true);
      await isAt(0, 0);
      assert.deepEqual(Array.from(cache.positions), [0]);
    }
  });

  it('scales frequencies as Llama 3.1 does', () => {
    const llama3 = {
      rope_type: 'llama3',
      factor: 8,
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: 8192,
    } as const;
    const { frequencies } = new Rope({ head_dim: 128, rope_theta: 500000, rope_scaling: llama3 });
    // Kept as they are up to a wavelength of 2048, an eighth from 8192 on, blended between (theta^(-1/2) = 1.4142e-3).
    const known = [1, 5.2485e-4, 500000 ** (-40 / 64) / 8, 500000 ** (-63 / 64) / 8];
    [0, 32, 40, 63].forEach((i, n) => {
      const found = frequencies[i] ?? 0;
      assert.ok(Math.abs(found / (known[n] ?? 1) - 1) < 1e-4, `frequency ${i} is ${found}`);
    });
  });

  it('grows without losing rows, and gives copies that append takes back', async () => {
    const random = new Random(4);
    const cache = new AnchorCache(shape, new KvArenas(shape, 'float32'));
    const blocks = Array.from({ length: 40 }, () => randomRows(random, 20));
    for (const [i, block] of blocks.entries()) await cache.append(block, tokens(20, 20 * i, i, new Set()));
    assert.equal(cache.rows, 800);
    for (const [i, block] of blocks.entries()) assert.deepEqual(await cache.copyRows(20 * i, 20), block);
  });

  it('shows one row of zeros when it is empty', async () => {
    const arenas = new KvArenas(shape, 'float32');
    const cache = new AnchorCache(shape, arenas);
    assert.deepEqual(arenas.view(0, 0), new Float32Array(width));
    await cache.append(randomRows(new Random(1), 1), tokens(1, 0, 0, new Set()));
    cache.truncate(0);
    assert.deepEqual(arenas.view(3, cache.rows), new Float32Array(width));
  });
});

describe('half precision', () => {
  it('rounds to the nearest, and back without loss', () => {
    const every = Uint16Array.from({ length: 65536 }, (_, bits) => bits).filter((bits) => (bits & 0x7c00) !== 0x7c00);
    assert.deepEqual(toFloat16(fromFloat16(every)), every);
    assert.deepEqual(
      Array.from(toFloat16(Float32Array.of(65520, -1e9, Infinity, 2 ** -25, 2 ** -24 * 1.5))),
      [0x7c00, 0xfc00, 0x7c00, 0, 2],
    );
    assert.ok(Number.isNaN(fromFloat16(toFloat16(Float32Array.of(NaN)))[0]));
    assert.equal(fromFloat16(toFloat16(Float32Array.of(1 + 2 ** -11)))[0], 1);
    assert.equal(fromFloat16(toFloat16(Float32Array.of(1 + 3 * 2 ** -11)))[0], 1 + 2 ** -9);
  });
});
