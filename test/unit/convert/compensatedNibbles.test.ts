import assert from 'node:assert/strict';
import { upperFactor } from '../../../src/convert/cholesky.ts';
import { compensatedNibbles } from '../../../src/convert/compensatedNibbles.ts';
import { MatrixProduct } from '../../../src/convert/matrixProduct.ts';
import { quantiseNibbles, type BlockQuantised } from '../../../src/convert/quantise.ts';
import { randomNumbers } from './tinyDecoder.ts';

const blockSize = 32;
const rows = 24;
const random = randomNumbers(21);

/** Inputs `[tokens, columns]` that move together, as those of a decoder do, and their second moments. */
function correlatedInputs(columns: number, tokens = 400): { inputs: Float32Array; moments: Float32Array } {
  const mixing = Float32Array.from({ length: 8 * columns }, () => random());
  const inputs = new Float32Array(tokens * columns);
  for (let t = 0; t < tokens; t++) {
    const causes = Array.from({ length: 8 }, () => random());
    for (let c = 0; c < columns; c++)
      inputs[t * columns + c] = causes.reduce(
        (sum, cause, k) => sum + cause * (mixing[k * columns + c] ?? 0),
        0.1 * random(),
      );
  }
  const moments = new Float32Array(columns * columns);
  for (let t = 0; t < tokens; t++) {
    const input = inputs.subarray(t * columns, (t + 1) * columns);
    for (let i = 0; i < columns; i++)
      for (let j = 0; j < columns; j++)
        moments[i * columns + j] = (moments[i * columns + j] ?? 0) + (input[i] ?? 0) * (input[j] ?? 0);
  }
  return { inputs, moments };
}

/** Mean squared error of the product with the inputs. */
function productError(weights: Float32Array, quantised: BlockQuantised, inputs: Float32Array, columns: number): number {
  const blocks = Math.ceil(columns / blockSize);
  const zeroPointBytes = (quantised.zeroPoints?.length ?? 0) / rows;
  const nibbleAt = (bytes: Uint8Array | null, index: number): number =>
    ((bytes?.[index >> 1] ?? 0) >> (4 * (index & 1))) & 15;
  const difference = Float32Array.from({ length: rows * columns }, (_, i) => {
    const row = Math.floor(i / columns);
    const column = i % columns;
    const block = Math.floor(column / blockSize);
    const code = nibbleAt(quantised.packed, (row * blocks + block) * blockSize + (column % blockSize));
    const zeroPoint = nibbleAt(quantised.zeroPoints, 2 * row * zeroPointBytes + block);
    return (quantised.scales[row * blocks + block] ?? 0) * (code - zeroPoint) - (weights[i] ?? 0);
  });
  let sum = 0;
  for (let t = 0; t < inputs.length; t += columns) {
    for (let row = 0; row < rows; row++) {
      let error = 0;
      for (let c = 0; c < columns; c++) error += (difference[row * columns + c] ?? 0) * (inputs[t + c] ?? 0);
      sum += error * error;
    }
  }
  return sum / inputs.length;
}

describe('rounding to what a product gives', function () {
  this.timeout(20_000);
  let product: MatrixProduct;

  before(async () => {
    product = await MatrixProduct.open();
  });

  after(() => product.close());

  it('factors a matrix over more than one panel', async () => {
    const n = 130;
    const { moments } = correlatedInputs(n);
    for (let i = 0; i < n; i++) moments[i * n + i] = (moments[i * n + i] ?? 0) + 5;
    const factor = await upperFactor(moments, n, product);
    assert.ok(factor);
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) {
        let sum = 0;
        for (let k = 0; k <= Math.min(i, j); k++) sum += (factor[k * n + i] ?? 0) * (factor[k * n + j] ?? 0);
        const scale = Math.sqrt((moments[i * n + i] ?? 0) * (moments[j * n + j] ?? 0));
        assert.ok(Math.abs(sum - (moments[i * n + j] ?? NaN)) < 1e-5 * scale, `${i}, ${j}`);
        if (j < i) assert.equal(factor[i * n + j], 0);
      }
    }
    assert.equal(await upperFactor(Float32Array.of(1, 2, 2, 1), 2, product), null);
  });

  for (const columns of [96, 72]) {
    it(`loses a third of what plain rounding loses, at most, on ${columns} inputs that move together`, async () => {
      const weights = Float32Array.from({ length: rows * columns }, () => random());
      const { inputs, moments } = correlatedInputs(columns);
      const matrix = { values: weights, rows, columns };
      const fitted = await compensatedNibbles(matrix, { width: columns, groups: [moments] }, blockSize, product);
      const plain = quantiseNibbles(weights, rows, columns, blockSize);
      const found = productError(weights, fitted, inputs, columns);
      assert.ok(found < productError(weights, plain, inputs, columns) / 3, `${found}`);
      const again = await compensatedNibbles(matrix, { width: columns, groups: [moments] }, blockSize, product);
      assert.deepEqual(again.packed, fitted.packed);
    });
  }

  it('fits groups of columns apart, and rounds plainly where no input was ever seen', async () => {
    const columns = 128;
    const weights = Float32Array.from({ length: rows * columns }, () => random());
    const nothing = new Float32Array(64 * 64);
    const matrix = { values: weights, rows, columns };
    const blank = await compensatedNibbles(matrix, { width: 64, groups: [nothing, nothing] }, blockSize, product);
    assert.deepEqual(blank.packed, quantiseNibbles(weights, rows, columns, blockSize).packed);
    const { moments } = correlatedInputs(64);
    const half = await compensatedNibbles(matrix, { width: 64, groups: [nothing, moments] }, blockSize, product);
    assert.deepEqual(half.packed.subarray(0, 32), blank.packed.subarray(0, 32));
    assert.notDeepEqual(half.packed, blank.packed);
  });
});
