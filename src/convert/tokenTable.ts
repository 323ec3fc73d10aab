import type { GraphBuilder } from './graphBuilder.ts';
import { blockMatMul, blockSize, type Matrix } from './linearLayer.ts';
import type { TensorData } from './onnxModel.ts';
import { quantiseBytes } from './quantise.ts';

/**
 * A table of one row per token, `[rows, hidden]`, read as an embedding and, when tied, multiplied as the output layer.
 *
 * Both readings share the bytes on disk: the initializers that the two operators need have different shapes, but the same place
 * in the external data. In eight bits the table is a quarter as large, and Q8_0's rows stay as they are.
 */
export class TokenTable {
  readonly format: 'float' | 'blocks8';
  readonly #graph: GraphBuilder;
  readonly #rows: number;
  readonly #columns: number;
  readonly #stored: { kind: 'float'; values: TensorData } | { kind: 'bytes'; codes: TensorData; scales: TensorData };

  constructor(graph: GraphBuilder, table: Matrix, format: 'float' | 'blocks8') {
    this.format = format;
    this.#graph = graph;
    this.#rows = table.rows;
    this.#columns = table.columns;
    if (format === 'float') {
      this.#stored = { kind: 'float', values: graph.store(table.values) };
    } else {
      const { packed, scales } = quantiseBytes(table.values, table.rows, table.columns, blockSize);
      this.#stored = { kind: 'bytes', codes: graph.store(packed), scales: graph.store(scales) };
    }
  }

  /** `ids [1, S] -> [1, S, hidden]` */
  embed(ids: string): string {
    const graph = this.#graph;
    const shape = [this.#rows, this.#columns];
    if (this.#stored.kind === 'float') {
      return graph.op('Gather', [graph.sharedTensor('float', shape, this.#stored.values), ids], { axis: 0 });
    }
    const codes = graph.sharedTensor('uint8', shape, this.#stored.codes);
    const scales = graph.sharedTensor('float', [this.#rows, this.#columns / blockSize], this.#stored.scales);
    const attributes = { gather_axis: 0, quantize_axis: 1, block_size: blockSize, bits: 8 };
    return graph.op('GatherBlockQuantized', [codes, ids, scales], attributes);
  }

  /** `x [1, N, hidden] -> [1, N, vocabulary]`: the first `vocabulary` rows, so without those of added tokens. */
  project(x: string, vocabulary: number): string {
    const graph = this.#graph;
    if (this.#stored.kind === 'float') {
      const table = graph.sharedTensor('float', [vocabulary, this.#columns], this.#stored.values);
      return graph.timesTransposed(x, table, vocabulary, this.#columns);
    }
    const blocks = this.#columns / blockSize;
    const codes = graph.sharedTensor('uint8', [vocabulary, blocks, blockSize], this.#stored.codes);
    const scales = graph.sharedTensor('float', [vocabulary, blocks], this.#stored.scales);
    return blockMatMul(graph, [x, codes, scales], vocabulary, this.#columns, 8);
  }
}
