/** A weight matrix `[rows, columns]` in blocks along its rows, as `MatMulNBits` and `GatherBlockQuantized` read it. */
export interface BlockQuantised {
  /** `[rows, blocks, blockSize * bits / 8]`; of a pair of nibbles the low one comes first. */
  readonly packed: Uint8Array;
  /** `[rows, blocks]`: value = scale * (code - zero point). */
  readonly scales: Float32Array;
  /** `[rows, ceil(blocks * bits / 8)]`, packed as the codes are; none: the middle code. */
  readonly zeroPoints: Uint8Array | null;
}

/** 8 bits, symmetric: codes 1-255 about 128. A Q8_0 block of 32 comes through unchanged. */
export function quantiseBytes(weights: Float32Array, rows: number, columns: number, blockSize: number): BlockQuantised {
  const blocks = Math.ceil(columns / blockSize);
  const packed = new Uint8Array(rows * blocks * blockSize).fill(128);
  const scales = new Float32Array(rows * blocks);
  for (let row = 0; row < rows; row++) {
    for (let block = 0; block < blocks; block++) {
      const start = row * columns + block * blockSize;
      const end = Math.min(start + blockSize, (row + 1) * columns);
      let largest = 0;
      for (let i = start; i < end; i++) largest = Math.max(largest, Math.abs(weights[i] ?? 0));
      const scale = largest / 127;
      const inverse = scale > 0 ? 1 / scale : 0;
      scales[row * blocks + block] = scale;
      const out = (row * blocks + block) * blockSize;
      for (let i = start; i < end; i++) packed[out + i - start] = Math.round((weights[i] ?? 0) * inverse) + 128;
    }
  }
  return { packed, scales, zeroPoints: null };
}

/** Fractions of a block's range tried as the range of its 16 codes: cutting off an outlier can cost less than coarse steps. */
const rangeFractions = [1, 0.95, 0.9, 0.85, 0.8, 0.75];

/** 4 bits, asymmetric: per block the scale and zero point with the least squared error among some ranges. */
export function quantiseNibbles(
  weights: Float32Array,
  rows: number,
  columns: number,
  blockSize: number,
): BlockQuantised {
  const blocks = Math.ceil(columns / blockSize);
  const zeroPointBytes = Math.ceil(blocks / 2);
  const packed = new Uint8Array((rows * blocks * blockSize) / 2);
  const scales = new Float32Array(rows * blocks);
  const zeroPoints = new Uint8Array(rows * zeroPointBytes);
  for (let row = 0; row < rows; row++) {
    for (let block = 0; block < blocks; block++) {
      const start = row * columns + block * blockSize;
      const end = Math.min(start + blockSize, (row + 1) * columns);
      const { scale, zeroPoint } = bestGrid(weights, start, end);
      const inverse = scale === 0 ? 0 : 1 / scale;
      scales[row * blocks + block] = scale;
      zeroPoints[row * zeroPointBytes + (block >> 1)] =
        (zeroPoints[row * zeroPointBytes + (block >> 1)] ?? 0) | (zeroPoint << (4 * (block & 1)));
      const out = ((row * blocks + block) * blockSize) / 2;
      for (let i = start; i < end; i++) {
        packed[out + ((i - start) >> 1)] =
          (packed[out + ((i - start) >> 1)] ?? 0) |
          (nibble((weights[i] ?? 0) * inverse + zeroPoint) << (4 * ((i - start) & 1)));
      }
    }
  }
  return { packed, scales, zeroPoints };
}

/** The nearest code. Cutting off the fraction is several times faster than `Math.round`, and this runs for every weight and range. */
function nibble(value: number): number {
  return value <= 0 ? 0 : value >= 15 ? 15 : (value + 0.5) | 0;
}

function bestGrid(weights: Float32Array, start: number, end: number): { scale: number; zeroPoint: number } {
  let low = 0;
  let high = 0;
  for (let i = start; i < end; i++) {
    low = Math.min(low, weights[i] ?? 0);
    high = Math.max(high, weights[i] ?? 0);
  }
  let best = { scale: 0, zeroPoint: 8 };
  let leastError = Number.POSITIVE_INFINITY;
  for (const fraction of rangeFractions) {
    const scale = ((high - low) * fraction) / 15;
    if (scale === 0) return best;
    const zeroPoint = nibble((-low * fraction) / scale);
    const inverse = 1 / scale;
    let error = 0;
    for (let i = start; i < end; i++) {
      const difference = scale * (nibble((weights[i] ?? 0) * inverse + zeroPoint) - zeroPoint) - (weights[i] ?? 0);
      error += difference * difference;
    }
    if (error < leastError) {
      leastError = error;
      best = { scale, zeroPoint };
    }
  }
  return best;
}
