import type { MatrixProduct } from './matrixProduct.ts';

/** Rows factored together: what lies between them is summed in double precision, what comes from earlier ones by the runtime. */
const panelRows = 48;

/**
 * The upper factor R of a symmetric positive definite matrix `[n, n]`: `matrix = Rᵀ R`, row by row.
 *
 * @returns R, row-major, zeros below the diagonal; null when the matrix is not positive definite to rounding.
 */
export async function upperFactor(
  matrix: Float32Array,
  n: number,
  product: MatrixProduct,
): Promise<Float32Array | null> {
  const factor = new Float32Array(n * n);
  for (let start = 0; start < n; start += panelRows) {
    const rows = Math.min(panelRows, n - start);
    const width = n - start;
    const panel = new Float64Array(rows * width);
    for (let i = 0; i < rows; i++) panel.set(matrix.subarray((start + i) * n + start, (start + i + 1) * n), i * width);
    if (start > 0) subtract(panel, await fromEarlier(factor, n, start, rows, product));
    for (let i = 0; i < rows; i++) {
      const row = panel.subarray(i * width, (i + 1) * width);
      for (let k = 0; k < i; k++) {
        const above = panel.subarray(k * width, (k + 1) * width);
        const weight = above[i] ?? 0;
        for (let j = i; j < width; j++) row[j] = (row[j] ?? 0) - weight * (above[j] ?? 0);
      }
      const pivot = row[i] ?? 0;
      if (!(pivot > 0)) return null;
      const inverse = 1 / Math.sqrt(pivot);
      for (let j = i; j < width; j++) row[j] = (row[j] ?? 0) * inverse;
      factor.set(row.subarray(i), (start + i) * n + start + i);
    }
  }
  return factor;
}

/** `R[0:start, start:start+rows]ᵀ · R[0:start, start:n]`, `[rows, n - start]`. */
async function fromEarlier(
  factor: Float32Array,
  n: number,
  start: number,
  rows: number,
  product: MatrixProduct,
): Promise<Float32Array> {
  const width = n - start;
  const right = new Float32Array(start * width);
  const left = new Float32Array(rows * start);
  for (let k = 0; k < start; k++) {
    const row = factor.subarray(k * n + start, (k + 1) * n);
    right.set(row, k * width);
    for (let i = 0; i < rows; i++) left[i * start + k] = row[i] ?? 0;
  }
  return product.multiply({ values: left, rows, columns: start }, { values: right, rows: start, columns: width });
}

function subtract(from: Float64Array, what: Float32Array): void {
  for (let i = 0; i < from.length; i++) from[i] = (from[i] ?? 0) - (what[i] ?? 0);
}
