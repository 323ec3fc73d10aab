import { toFloat16 } from '../../../src/engine/float16.ts';

/** Tensor types that are written, with their numbers in a GGUF file (`enum ggml_type`). */
export const writtenTypes = { F32: 0, Q4_1: 3, Q8_0: 8 } as const;
export type WrittenType = keyof typeof writtenTypes;

const blockSize = 32;

/** Values in a tensor type's bytes, little-endian; rows must be whole blocks of 32. Layouts: ggml's `ggml-common.h`. */
export function encodeBlocks(values: Float32Array, type: WrittenType): Uint8Array {
  switch (type) {
    case 'F32':
      return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    case 'Q8_0':
      return inBlocks(values, 34, writeQ8);
    case 'Q4_1':
      return inBlocks(values, 20, writeQ4);
  }
}

type BlockWriter = (values: Float32Array, start: number, out: Uint8Array, at: number) => void;

function inBlocks(values: Float32Array, blockBytes: number, write: BlockWriter): Uint8Array {
  const count = values.length / blockSize;
  if (!Number.isInteger(count)) throw new RangeError(`${values.length} values are no whole blocks of ${blockSize}.`);
  const out = new Uint8Array(count * blockBytes);
  for (let i = 0; i < count; i++) write(values, i * blockSize, out, i * blockBytes);
  return out;
}

/** Scale (half precision), 32 signed bytes. */
function writeQ8(values: Float32Array, start: number, out: Uint8Array, at: number): void {
  let largest = 0;
  for (let i = start; i < start + blockSize; i++) largest = Math.max(largest, Math.abs(values[i] ?? 0));
  const inverse = largest === 0 ? 0 : 127 / largest;
  writeHalf(largest / 127, out, at);
  for (let i = 0; i < blockSize; i++) out[at + 2 + i] = Math.round((values[start + i] ?? 0) * inverse);
}

/** Scale and least value (half precision), 16 bytes: value i in the low nibble of byte i, value i + 16 in the high one. */
function writeQ4(values: Float32Array, start: number, out: Uint8Array, at: number): void {
  let least = Infinity;
  let most = -Infinity;
  for (let i = start; i < start + blockSize; i++) {
    least = Math.min(least, values[i] ?? 0);
    most = Math.max(most, values[i] ?? 0);
  }
  const inverse = most === least ? 0 : 15 / (most - least);
  writeHalf((most - least) / 15, out, at);
  writeHalf(least, out, at + 2);
  const code = (i: number): number => Math.round(((values[start + i] ?? 0) - least) * inverse);
  for (let i = 0; i < blockSize / 2; i++) out[at + 4 + i] = code(i) | (code(i + blockSize / 2) << 4);
}

function writeHalf(value: number, out: Uint8Array, at: number): void {
  const bits = toFloat16(Float32Array.of(value))[0] ?? 0;
  out[at] = bits & 0xff;
  out[at + 1] = bits >> 8;
}
