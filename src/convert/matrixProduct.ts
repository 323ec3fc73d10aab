import type { InferenceSession } from 'onnxruntime-node';
import type * as onnxruntime from 'onnxruntime-node';
import { AnchorageError } from '../protocol/errors.ts';
import { encodeModel } from './onnxModel.ts';

/** A matrix `[rows, columns]`, row-major, as the product takes it. */
export interface Operand {
  readonly values: Float32Array;
  readonly rows: number;
  readonly columns: number;
}

/** Products of matrices by onnxruntime, a hundred times as fast as loops in JavaScript. */
export class MatrixProduct {
  readonly #runtime: typeof onnxruntime;
  readonly #session: InferenceSession;

  private constructor(runtime: typeof onnxruntime, session: InferenceSession) {
    this.#runtime = runtime;
    this.#session = session;
  }

  static async open(): Promise<MatrixProduct> {
    // The runtime phones home unless told otherwise before it is loaded.
    process.env['ORT_DISABLE_TELEMETRY'] = '1';
    const runtime = await import('onnxruntime-node');
    const model = encodeModel({
      name: 'product',
      producer: 'anchorage',
      opsets: { '': 21 },
      nodes: [{ operator: 'MatMul', domain: '', inputs: ['a', 'b'], outputs: ['product'], attributes: {} }],
      initializers: [],
      inputs: [
        { name: 'a', type: 'float', shape: ['rows', 'inner'] },
        { name: 'b', type: 'float', shape: ['inner', 'columns'] },
      ],
      outputs: [{ name: 'product', type: 'float', shape: ['rows', 'columns'] }],
    });
    return new MatrixProduct(runtime, await runtime.InferenceSession.create(model));
  }

  /** `a [m, k] · b [k, n] -> [m, n]` */
  async multiply(a: Operand, b: Operand): Promise<Float32Array> {
    const tensor = ({ values, rows, columns }: Operand) => new this.#runtime.Tensor('float32', values, [rows, columns]);
    const { product } = await this.#session.run({ a: tensor(a), b: tensor(b) });
    if (!(product?.data instanceof Float32Array)) throw new AnchorageError('internal', 'A product gave no numbers.');
    return product.data;
  }

  async close(): Promise<void> {
    await this.#session.release();
  }
}
