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
const rangeFractions = [0.94, 1, 0.88, 0.82, 0.76];

/** 4 bits, asymmetric: per block the scale and zero point with the least squared error among some. */
export function quantiseNibbles(
  weights: Float32Array,
  rows: number,
  columns: number,
  blockSize: number,
): BlockQuantised {
  const quantised = new NibbleBlocks(rows, columns, blockSize);
  for (let row = 0; row < rows; row++) {
    for (let block = 0; block < quantised.blocks; block++) {
      const start = row * columns + block * blockSize;
      const length = Math.min(blockSize, columns - block * blockSize);
      const { scale, zeroPoint } = fitGrid(weights, start, length, null);
      quantised.setGrid(row, block, scale, zeroPoint);
      const inverse = scale === 0 ? 0 : 1 / scale;
      for (let j = 0; j < length; j++)
        quantised.setCode(row, block, j, nibble((weights[start + j] ?? 0) * inverse + zeroPoint));
    }
  }
  return quantised;
}

/** A matrix of nibbles while it is filled: every grid and code is set once. */
export class NibbleBlocks implements BlockQuantised {
  readonly blockSize: number;
  readonly blocks: number;
  readonly packed: Uint8Array;
  readonly scales: Float32Array;
  readonly zeroPoints: Uint8Array;
  readonly #zeroPointBytes: number;

  constructor(rows: number, columns: number, blockSize: number) {
    this.blockSize = blockSize;
    this.blocks = Math.ceil(columns / blockSize);
    this.#zeroPointBytes = Math.ceil(this.blocks / 2);
    this.packed = new Uint8Array((rows * this.blocks * blockSize) / 2);
    this.scales = new Float32Array(rows * this.blocks);
    this.zeroPoints = new Uint8Array(rows * this.#zeroPointBytes);
  }

  setGrid(row: number, block: number, scale: number, zeroPoint: number): void {
    this.scales[row * this.blocks + block] = scale;
    const at = row * this.#zeroPointBytes + (block >> 1);
    this.zeroPoints[at] = (this.zeroPoints[at] ?? 0) | (zeroPoint << (4 * (block & 1)));
  }

  setCode(row: number, block: number, index: number, code: number): void {
    const at = ((row * this.blocks + block) * this.blockSize + index) >> 1;
    this.packed[at] = (this.packed[at] ?? 0) | (code << (4 * (index & 1)));
  }
}

/** The nearest code. Cutting off the fraction is several times faster than `Math.round`, and this runs for every weight and range. */
export function nibble(value: number): number {
  return value <= 0 ? 0 : value >= 15 ? 15 : (value + 0.5) | 0;
}

/**
 * Scale and zero point of sixteen codes for the values `[start, start + length)`.
 *
 * @param importance what the squared error of each counts; null: all the same.
 */
export function fitGrid(
  values: Float32Array,
  start: number,
  length: number,
  importance: Float32Array | null,
): { scale: number; zeroPoint: number } {
  let low = 0;
  let high = 0;
  for (let i = start; i < start + length; i++) {
    low = Math.min(low, values[i] ?? 0);
    high = Math.max(high, values[i] ?? 0);
  }
  let best = { scale: 0, zeroPoint: 8 };
  if (!((high - low) / 15 > 0)) return best;
  let leastError = Number.POSITIVE_INFINITY;
  const consider = (scale: number, zeroPoint: number): void => {
    const error = gridError(values, start, length, importance, scale, zeroPoint, leastError);
    if (error >= leastError) return;
    leastError = error;
    best = { scale, zeroPoint };
  };
  const middle = nibble((-low * 15) / (high - low));
  for (const fraction of rangeFractions) {
    const scale = ((high - low) * fraction) / 15;
    consider(scale, middle);
    if (middle > 0) consider(scale, middle - 1);
    if (middle < 15) consider(scale, middle + 1);
  }
  for (let n = 0; n < 2; n++) {
    const scale = leastSquaresScale(values, start, length, importance, best);
    if (scale > 0) consider(scale, best.zeroPoint);
  }
  return best;
}

/** Squared error on a grid, or more than `limit` as soon as it is. */
function gridError(
  values: Float32Array,
  start: number,
  length: number,
  importance: Float32Array | null,
  scale: number,
  zeroPoint: number,
  limit: number,
): number {
  const inverse = 1 / scale;
  let error = 0;
  for (let j = 0; j < length; j++) {
    const value = values[start + j] ?? 0;
    const difference = scale * (nibble(value * inverse + zeroPoint) - zeroPoint) - value;
    error += difference * difference * (importance === null ? 1 : (importance[j] ?? 0));
    if (error >= limit) break;
  }
  return error;
}

/** The scale that suits the codes of a grid best. */
function leastSquaresScale(
  values: Float32Array,
  start: number,
  length: number,
  importance: Float32Array | null,
  { scale, zeroPoint }: { readonly scale: number; readonly zeroPoint: number },
): number {
  const inverse = 1 / scale;
  let products = 0;
  let squares = 0;
  for (let j = 0; j < length; j++) {
    const value = values[start + j] ?? 0;
    const steps = nibble(value * inverse + zeroPoint) - zeroPoint;
    const weight = importance === null ? 1 : (importance[j] ?? 0);
    products += weight * steps * value;
    squares += weight * steps * steps;
  }
  return squares > 0 ? products / squares : 0;
}
