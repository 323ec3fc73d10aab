import assert from 'node:assert/strict';
import { quantiseBytes, quantiseNibbles, type BlockQuantised } from '../../../src/convert/quantise.ts';
import { randomNumbers } from './tinyDecoder.ts';

const rows = 3;
const columns = 96;
const blockSize = 32;
const random = randomNumbers(9);
const weights = Float32Array.from({ length: rows * columns }, () => random());

/** What the runtime reads from a quantised matrix. */
function restore({ packed, scales, zeroPoints }: BlockQuantised, bits: 4 | 8): Float32Array {
  const blocks = columns / blockSize;
  const codeAt = (bytes: Uint8Array, index: number) =>
    bits === 8 ? (bytes[index] ?? 0) : ((bytes[index >> 1] ?? 0) >> (4 * (index & 1))) & 15;
  return Float32Array.from({ length: rows * columns }, (_, i) => {
    const row = Math.floor(i / columns);
    const block = Math.floor((i % columns) / blockSize);
    const rowBytes = (zeroPoints?.length ?? 0) / rows;
    const zeroPoint = zeroPoints
      ? codeAt(zeroPoints.subarray(row * rowBytes, (row + 1) * rowBytes), block)
      : bits === 8
        ? 128
        : 8;
    return (scales[row * blocks + block] ?? 0) * (codeAt(packed, i) - zeroPoint);
  });
}

/** Largest error in units of the range of its block. */
function largestError(restored: Float32Array): number {
  let largest = 0;
  for (let start = 0; start < weights.length; start += blockSize) {
    const block = weights.subarray(start, start + blockSize);
    const range = Math.max(0, ...block) - Math.min(0, ...block);
    for (const [i, value] of block.entries())
      largest = Math.max(largest, Math.abs((restored[start + i] ?? NaN) - value) / range);
  }
  return largest;
}

describe('quantising', () => {
  it('to bytes stays within half a step', () => {
    assert.ok(largestError(restore(quantiseBytes(weights, rows, columns, blockSize), 8)) <= 0.5 / 127);
  });

  it('to bytes keeps a Q8_0 block as it is', () => {
    const codes = Int8Array.from({ length: rows * columns }, (_, i) =>
      i % blockSize === 0 ? 127 : Math.round(random() * 40),
    );
    const grid = Float32Array.from(codes, (code) => code * 0.125);
    const { packed } = quantiseBytes(grid, rows, columns, blockSize);
    assert.deepEqual(
      [...packed].map((code) => code - 128),
      [...codes],
    );
  });

  it('to nibbles keeps values that lie on a grid of sixteen', () => {
    const grid = weights.map((_, i) => 0.25 * ((i % 16) - 5));
    const { packed, scales, zeroPoints } = quantiseNibbles(grid, rows, columns, blockSize);
    const restored = restore({ packed, scales, zeroPoints }, 4);
    for (const [i, value] of grid.entries()) assert.ok(Math.abs((restored[i] ?? NaN) - value) < 1e-6);
  });

  it('to nibbles stays within the range cut off and one step', () => {
    assert.ok(largestError(restore(quantiseNibbles(weights, rows, columns, blockSize), 4)) < 0.25);
    const meanError = (restored: Float32Array) =>
      restored.reduce((sum, value, i) => sum + (value - (weights[i] ?? 0)) ** 2, 0);
    const plainStep = weights.reduce((sum, value) => sum + value ** 2, 0) / 100;
    assert.ok(meanError(restore(quantiseNibbles(weights, rows, columns, blockSize), 4)) < plainStep);
  });

  it('keeps zeros exactly, in blocks of nothing else too', () => {
    const sparse = weights.map((value, i) => (i < blockSize || i % 7 === 0 ? 0 : value));
    for (const bits of [4, 8] as const) {
      const quantise = bits === 4 ? quantiseNibbles : quantiseBytes;
      const restored = restore(quantise(sparse, rows, columns, blockSize), bits);
      for (const [i, value] of sparse.entries()) if (value === 0) assert.equal(Math.abs(restored[i] ?? NaN), 0);
    }
  });
});
