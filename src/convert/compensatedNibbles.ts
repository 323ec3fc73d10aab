import type { Moments } from './calibration.ts';
import { upperFactor } from './cholesky.ts';
import type { Matrix } from './linearLayer.ts';
import type { MatrixProduct } from './matrixProduct.ts';
import { fitGrid, nibble, NibbleBlocks, type BlockQuantised } from './quantise.ts';

/** Of the mean of the diagonal, added to it: inputs that the texts never showed count a little. */
const damping = 0.01;

/**
 * 4 bits, asymmetric, rounded so that what the product gives changes least, rather than the weights themselves.
 *
 * With `H = xᵀx = Rᵀ R` the error of a row is `‖R (w - q)‖²`. Columns are rounded from the last to the first, each to the code next
 * to where it would have to lie to make up for the errors of those after it: Babai's nearest plane, which is GPTQ (Frantar et al.,
 * arXiv 2210.17323) without an inverse. Scale and zero point of a block are chosen when it is reached.
 */
export async function compensatedNibbles(
  matrix: Matrix,
  { width, groups }: Moments,
  blockSize: number,
  product: MatrixProduct,
): Promise<BlockQuantised> {
  const quantised = new NibbleBlocks(matrix.rows, matrix.columns, blockSize);
  for (const [index, moments] of groups.entries()) {
    const factor = await upperFactor(damped(moments, width), width, product);
    await roundGroup(matrix, index * width, width, factor ?? identity(width), quantised, product);
  }
  return quantised;
}

/**
 * Rounds the columns `[first, first + width)`.
 *
 * @param factor R `[width, width]`.
 */
async function roundGroup(
  { values, rows, columns }: Matrix,
  first: number,
  width: number,
  factor: Float32Array,
  quantised: NibbleBlocks,
  product: MatrixProduct,
): Promise<void> {
  const { blockSize } = quantised;
  const pivots = Float32Array.from({ length: width }, (_, i) => factor[i * width + i] ?? 0);
  /** Column by column, so that those after a block lie together: `[width, rows]`. */
  const errors = new Float32Array(width * rows);
  const target = new Float32Array(blockSize);
  const grids = { scales: new Float32Array(rows), zeroPoints: new Uint8Array(rows) };
  for (let start = Math.floor((width - 1) / blockSize) * blockSize; start >= 0; start -= blockSize) {
    const length = Math.min(blockSize, width - start);
    const end = start + length;
    const shifted = await fromLater(factor, pivots, errors, width, rows, start, length, product);
    const importance = pivots.subarray(start, end).map((pivot) => pivot * pivot);
    const block = (first + start) / blockSize;
    for (let row = 0; row < rows; row++) {
      for (let j = 0; j < length; j++)
        target[j] = (values[row * columns + first + start + j] ?? 0) + (shifted[j * rows + row] ?? 0);
      const { scale, zeroPoint } = fitGrid(target, 0, length, importance);
      grids.scales[row] = scale;
      grids.zeroPoints[row] = zeroPoint;
      quantised.setGrid(row, block, scale, zeroPoint);
    }
    for (let j = length - 1; j >= 0; j--) {
      const shift = shifted.subarray(j * rows, (j + 1) * rows);
      const column = start + j;
      for (let later = column + 1; later < end; later++) {
        const weight = (factor[column * width + later] ?? 0) / (pivots[column] ?? 1);
        const error = errors.subarray(later * rows, (later + 1) * rows);
        for (let row = 0; row < rows; row++) shift[row] = (shift[row] ?? 0) + weight * (error[row] ?? 0);
      }
      const error = errors.subarray(column * rows, (column + 1) * rows);
      for (let row = 0; row < rows; row++) {
        const scale = grids.scales[row] ?? 0;
        const zeroPoint = grids.zeroPoints[row] ?? 0;
        const value = values[row * columns + first + column] ?? 0;
        const code = scale === 0 ? zeroPoint : nibble((value + (shift[row] ?? 0)) / scale + zeroPoint);
        quantised.setCode(row, block, j, code);
        error[row] = value - scale * (code - zeroPoint);
      }
    }
  }
}

/** How far the errors of all columns after a block move its targets: `[length, rows]`. */
async function fromLater(
  factor: Float32Array,
  pivots: Float32Array,
  errors: Float32Array,
  width: number,
  rows: number,
  start: number,
  length: number,
  product: MatrixProduct,
): Promise<Float32Array> {
  const end = start + length;
  const later = width - end;
  if (later === 0) return new Float32Array(length * rows);
  const weights = new Float32Array(length * later);
  for (let j = 0; j < length; j++) {
    const pivot = pivots[start + j] ?? 1;
    for (let k = 0; k < later; k++) weights[j * later + k] = (factor[(start + j) * width + end + k] ?? 0) / pivot;
  }
  const behind = { values: errors.subarray(end * rows), rows: later, columns: rows };
  return product.multiply({ values: weights, rows: length, columns: later }, behind);
}

function damped(moments: Float32Array, width: number): Float32Array {
  const matrix = moments.slice();
  let sum = 0;
  for (let i = 0; i < width; i++) sum += moments[i * width + i] ?? 0;
  for (let i = 0; i < width; i++) matrix[i * width + i] = (matrix[i * width + i] ?? 0) + (damping * sum) / width;
  return matrix;
}

function identity(width: number): Float32Array {
  return Float32Array.from({ length: width * width }, (_, i) => (i % (width + 1) === 0 ? 1 : 0));
}
