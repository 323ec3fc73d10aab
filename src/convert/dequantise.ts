import { assertNever } from '../protocol/errors.ts';
import { dequantiseQ2K, dequantiseQ3K, dequantiseQ4K, dequantiseQ5K, dequantiseQ6K } from './dequantiseK.ts';
import type { TensorType } from './ggufTypes.ts';
import { decodeBfloat16, decodeHalf, decodeSingle, halfToNumber } from './halfFloat.ts';

/**
 * The values of a GGUF tensor in single precision.
 *
 * @param bytes whole blocks of `type`; their number gives the number of values.
 */
export function dequantise(type: TensorType, bytes: Uint8Array): Float32Array<ArrayBuffer> {
  switch (type) {
    case 'F32':
      return decodeSingle(bytes);
    case 'F16':
      return decodeHalf(bytes);
    case 'BF16':
      return decodeBfloat16(bytes);
    case 'Q4_0':
      return dequantiseQ4(bytes, 18, false);
    case 'Q4_1':
      return dequantiseQ4(bytes, 20, true);
    case 'Q5_0':
      return dequantiseQ5(bytes, 22, false);
    case 'Q5_1':
      return dequantiseQ5(bytes, 24, true);
    case 'Q8_0':
      return dequantiseQ8(bytes);
    case 'Q2_K':
      return dequantiseQ2K(bytes);
    case 'Q3_K':
      return dequantiseQ3K(bytes);
    case 'Q4_K':
      return dequantiseQ4K(bytes);
    case 'Q5_K':
      return dequantiseQ5K(bytes);
    case 'Q6_K':
      return dequantiseQ6K(bytes);
    default:
      return assertNever(type);
  }
}

function halfAt(bytes: Uint8Array, at: number): number {
  return halfToNumber((bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8));
}

/** scale, [minimum], 16 bytes of nibbles: the low ones are values 0-15, the high ones 16-31. */
function dequantiseQ4(bytes: Uint8Array, blockBytes: number, withMinimum: boolean): Float32Array<ArrayBuffer> {
  const values = new Float32Array((bytes.length / blockBytes) * 32);
  for (let at = 0, out = 0; at < bytes.length; at += blockBytes, out += 32) {
    const scale = halfAt(bytes, at);
    const offset = withMinimum ? halfAt(bytes, at + 2) : -8 * scale;
    const packed = at + (withMinimum ? 4 : 2);
    for (let i = 0; i < 16; i++) {
      const pair = bytes[packed + i] ?? 0;
      values[out + i] = scale * (pair & 15) + offset;
      values[out + 16 + i] = scale * (pair >> 4) + offset;
    }
  }
  return values;
}

/** As Q4, with the fifth bits of the 32 values in one 32-bit word before the nibbles. */
function dequantiseQ5(bytes: Uint8Array, blockBytes: number, withMinimum: boolean): Float32Array<ArrayBuffer> {
  const values = new Float32Array((bytes.length / blockBytes) * 32);
  for (let at = 0, out = 0; at < bytes.length; at += blockBytes, out += 32) {
    const scale = halfAt(bytes, at);
    const offset = withMinimum ? halfAt(bytes, at + 2) : -16 * scale;
    const high = at + (withMinimum ? 4 : 2);
    const fifth =
      (bytes[high] ?? 0) |
      ((bytes[high + 1] ?? 0) << 8) |
      ((bytes[high + 2] ?? 0) << 16) |
      ((bytes[high + 3] ?? 0) << 24);
    for (let i = 0; i < 16; i++) {
      const pair = bytes[high + 4 + i] ?? 0;
      values[out + i] = scale * ((pair & 15) | (((fifth >>> i) & 1) << 4)) + offset;
      values[out + 16 + i] = scale * ((pair >> 4) | (((fifth >>> (i + 16)) & 1) << 4)) + offset;
    }
  }
  return values;
}

/** scale, 32 signed bytes. */
function dequantiseQ8(bytes: Uint8Array): Float32Array<ArrayBuffer> {
  const values = new Float32Array((bytes.length / 34) * 32);
  for (let at = 0, out = 0; at < bytes.length; at += 34, out += 32) {
    const scale = halfAt(bytes, at);
    for (let i = 0; i < 32; i++) values[out + i] = scale * (((bytes[at + 2 + i] ?? 0) << 24) >> 24);
  }
  return values;
}
