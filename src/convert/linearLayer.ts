import { assertNever } from '../protocol/errors.ts';
import type { GraphBuilder } from './graphBuilder.ts';
import { quantiseBytes, quantiseNibbles, quantiseOutputs, type BlockQuantised } from './quantise.ts';

/** A weight matrix `[rows, columns]`, row-major: `rows` outputs of `columns` inputs. */
export interface Matrix {
  readonly values: Float32Array;
  readonly rows: number;
  readonly columns: number;
}

/** How a matrix is stored and multiplied. */
export type LinearFormat = 'float' | 'blocks4' | 'blocks8' | 'dynamic8';

export const blockSize = 32;
/** `MatMulNBits`: activations are rounded to 8 bits too, which is what makes it fast on a CPU. */
const accuracyLevel = 4;

/** `x [1, S, columns] -> [1, S, rows]`. */
export function linear(graph: GraphBuilder, x: string, matrix: Matrix, format: LinearFormat): string {
  const { values, rows, columns } = matrix;
  switch (format) {
    case 'float':
      return graph.op('FusedMatMul', [x, graph.tensor('float', [rows, columns], values)], { transB: 1 });
    case 'blocks4':
      return blockLinear(graph, x, matrix, 4, quantiseNibbles(values, rows, columns, blockSize));
    case 'blocks8':
      return blockLinear(graph, x, matrix, 8, quantiseBytes(values, rows, columns, blockSize));
    case 'dynamic8': {
      const { codes, scales } = quantiseOutputs(values, rows, columns);
      const weight = graph.tensor('int8', [columns, rows], codes);
      const zeroPoints = graph.tensor('int8', [rows], new Int8Array(rows));
      return graph.op('DynamicQuantizeMatMul', [x, weight, graph.tensor('float', [rows], scales), zeroPoints]);
    }
    default:
      return assertNever(format);
  }
}

function blockLinear(
  graph: GraphBuilder,
  x: string,
  { rows, columns }: Matrix,
  bits: 4 | 8,
  quantised: BlockQuantised,
): string {
  const blocks = Math.ceil(columns / blockSize);
  const inputs = [
    x,
    graph.tensor('uint8', [rows, blocks, (blockSize * bits) / 8], quantised.packed),
    graph.tensor('float', [rows, blocks], quantised.scales),
  ];
  if (quantised.zeroPoints)
    inputs.push(graph.tensor('uint8', [rows, quantised.zeroPoints.length / rows], quantised.zeroPoints));
  return blockMatMul(graph, inputs, rows, columns, bits);
}

/** `MatMulNBits` over inputs that are in the graph already. */
export function blockMatMul(
  graph: GraphBuilder,
  inputs: readonly string[],
  rows: number,
  columns: number,
  bits: 4 | 8,
): string {
  return graph.op('MatMulNBits', inputs, {
    N: rows,
    K: columns,
    bits,
    block_size: blockSize,
    accuracy_level: accuracyLevel,
  });
}
