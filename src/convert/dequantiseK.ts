import { halfToNumber } from './halfFloat.ts';

/**
 * The "K" quantisations of ggml: super-blocks of 256 values, whose sub-blocks' scales are themselves quantised.
 * Layouts: ggml's `ggml-common.h` (block_q2_K … block_q6_K).
 */
const superBlock = 256;

function halfAt(bytes: Uint8Array, at: number): number {
  return halfToNumber((bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8));
}

function signed(byte: number): number {
  return (byte << 24) >> 24;
}

/** 16 bytes (scale | minimum << 4 of 16 sub-blocks), 64 bytes of 2-bit values, scale, scale of the minima. */
export function dequantiseQ2K(bytes: Uint8Array): Float32Array<ArrayBuffer> {
  const values = new Float32Array((bytes.length / 84) * superBlock);
  for (let at = 0, out = 0; at < bytes.length; at += 84) {
    const scale = halfAt(bytes, at + 80);
    const minimum = halfAt(bytes, at + 82);
    for (let half = 0; half < 2; half++) {
      for (let shift = 0; shift < 8; shift += 2) {
        for (let l = 0; l < 32; l++, out++) {
          const packed = bytes[at + 16 + 32 * half + l] ?? 0;
          const sub = bytes[at + 8 * half + shift + (l >> 4)] ?? 0;
          values[out] = scale * (sub & 15) * ((packed >> shift) & 3) - minimum * (sub >> 4);
        }
      }
    }
  }
  return values;
}

/** 32 bytes of third bits (set: nothing to subtract), 64 bytes of 2-bit values, 12 bytes of 16 6-bit scales, scale. */
export function dequantiseQ3K(bytes: Uint8Array): Float32Array<ArrayBuffer> {
  const values = new Float32Array((bytes.length / 110) * superBlock);
  const scales = new Int8Array(16);
  for (let at = 0, out = 0; at < bytes.length; at += 110) {
    const scale = halfAt(bytes, at + 108);
    for (let i = 0; i < 16; i++) {
      const low = bytes[at + 96 + (i & 7)] ?? 0;
      const high = bytes[at + 104 + (i & 3)] ?? 0;
      scales[i] = ((i < 8 ? low & 15 : low >> 4) | (((high >> (2 * (i >> 2))) & 3) << 4)) - 32;
    }
    for (let half = 0; half < 2; half++) {
      for (let j = 0; j < 4; j++) {
        for (let l = 0; l < 32; l++, out++) {
          const low = ((bytes[at + 32 + 32 * half + l] ?? 0) >> (2 * j)) & 3;
          const high = ((bytes[at + l] ?? 0) >> (4 * half + j)) & 1;
          values[out] = scale * (scales[8 * half + 2 * j + (l >> 4)] ?? 0) * (low - (high ? 0 : 4));
        }
      }
    }
  }
  return values;
}

/** 6-bit scales and minima of the 8 sub-blocks of Q4_K and Q5_K, packed into 12 bytes. */
function unpackScales(bytes: Uint8Array, at: number, scales: Uint8Array, minima: Uint8Array): void {
  for (let j = 0; j < 4; j++) {
    const low = bytes[at + j] ?? 0;
    const middle = bytes[at + 4 + j] ?? 0;
    const packed = bytes[at + 8 + j] ?? 0;
    scales[j] = low & 63;
    minima[j] = middle & 63;
    scales[j + 4] = (packed & 15) | ((low >> 6) << 4);
    minima[j + 4] = (packed >> 4) | ((middle >> 6) << 4);
  }
}

/** Scale, scale of the minima, 12 bytes of sub-block scales and minima; then what `quantAt` reads of a block. */
function dequantiseSubBlocks(
  bytes: Uint8Array,
  blockBytes: number,
  quantAt: (at: number, sub: number, l: number) => number,
): Float32Array<ArrayBuffer> {
  const values = new Float32Array((bytes.length / blockBytes) * superBlock);
  const scales = new Uint8Array(8);
  const minima = new Uint8Array(8);
  for (let at = 0, out = 0; at < bytes.length; at += blockBytes) {
    const scale = halfAt(bytes, at);
    const minimum = halfAt(bytes, at + 2);
    unpackScales(bytes, at + 4, scales, minima);
    for (let sub = 0; sub < 8; sub++) {
      const step = scale * (scales[sub] ?? 0);
      const offset = minimum * (minima[sub] ?? 0);
      for (let l = 0; l < 32; l++, out++) values[out] = step * quantAt(at, sub, l) - offset;
    }
  }
  return values;
}

/** 4-bit quants: 128 bytes of nibbles. */
export function dequantiseQ4K(bytes: Uint8Array): Float32Array<ArrayBuffer> {
  return dequantiseSubBlocks(bytes, 144, (at, sub, l) => nibbleAt(bytes, at + 16, sub, l));
}

/** 5-bit quants: 32 bytes of fifth bits (bit `sub` of byte l) before the nibbles. */
export function dequantiseQ5K(bytes: Uint8Array): Float32Array<ArrayBuffer> {
  return dequantiseSubBlocks(bytes, 176, (at, sub, l) => {
    const high = ((bytes[at + 16 + l] ?? 0) >> sub) & 1;
    return nibbleAt(bytes, at + 48, sub, l) | (high << 4);
  });
}

/** Quant l of sub-block `sub`: two sub-blocks share 32 bytes. */
function nibbleAt(bytes: Uint8Array, at: number, sub: number, l: number): number {
  return ((bytes[at + 32 * (sub >> 1) + l] ?? 0) >> (4 * (sub & 1))) & 15;
}

/** 128 bytes of low nibbles, 64 bytes of upper bit pairs, 16 signed sub-block scales, scale. */
export function dequantiseQ6K(bytes: Uint8Array): Float32Array<ArrayBuffer> {
  const values = new Float32Array((bytes.length / 210) * superBlock);
  for (let at = 0, out = 0; at < bytes.length; at += 210) {
    const scale = halfAt(bytes, at + 208);
    for (let half = 0; half < 2; half++) {
      for (let quarter = 0; quarter < 4; quarter++) {
        for (let l = 0; l < 32; l++, out++) {
          const nibbles = bytes[at + 64 * half + 32 * (quarter & 1) + l] ?? 0;
          const low = quarter < 2 ? nibbles & 15 : nibbles >> 4;
          const high = ((bytes[at + 128 + 32 * half + l] ?? 0) >> (2 * quarter)) & 3;
          const sub = signed(bytes[at + 192 + 8 * half + 2 * quarter + (l >> 4)] ?? 0);
          values[out] = scale * sub * ((low | (high << 4)) - 32);
        }
      }
    }
  }
  return values;
}
