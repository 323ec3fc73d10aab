import type { GraphBuilder } from './graphBuilder.ts';
import { blockSize, multiply, storeMatrix, type LinearFormat, type Matrix, type StoredMatrix } from './linearLayer.ts';

/**
 * A low-rank change of a product that anchors alone take: `x [S, columns] -> x · Aᵀ · Bᵀ`, with `down` A `[rank, columns]` and `up` B
 * `[rows, rank]`, scaled. Every other token is read by the decoder as it is (CCM, Kim et al., arXiv 2312.03414).
 */
export interface AnchorLora {
  readonly down: Matrix;
  readonly up: Matrix;
}

export interface StoredAnchorLora {
  readonly down: StoredMatrix;
  readonly up: StoredMatrix;
}

/** Names of the values that `findAnchors` makes. */
const places = 'anchor_places';
const gate = 'anchor_gate';

/** One change of matrices that stand under one another, from a change of each, or null where it has none. */
export function underOneAnother(
  parts: readonly { readonly rows: number; readonly lora: AnchorLora | null }[],
): AnchorLora | null {
  const changed = parts.flatMap(({ lora }) => (lora === null ? [] : [lora]));
  const [first] = changed;
  if (first === undefined) return null;
  const { columns } = first.down;
  const rank = changed.reduce((sum, { down }) => sum + down.rows, 0);
  const rows = parts.reduce((sum, part) => sum + part.rows, 0);
  const down = new Float32Array(rank * columns);
  const up = new Float32Array(rows * rank);
  let [row, k] = [0, 0];
  for (const part of parts) {
    if (part.lora !== null) {
      const own = part.lora.down.rows;
      down.set(part.lora.down.values, k * columns);
      for (let r = 0; r < part.rows; r++) {
        up.set(part.lora.up.values.subarray(r * own, (r + 1) * own), (row + r) * rank + k);
      }
      k += own;
    }
    row += part.rows;
  }
  return { down: { values: down, rows: rank, columns }, up: { values: up, rows, columns: rank } };
}

/** Stored as the matrix that it changes is, but never in four bits, and in single precision where its rows are no whole blocks. */
export function storeAnchorLora(
  graph: GraphBuilder,
  { down, up }: AnchorLora,
  changed: LinearFormat,
): StoredAnchorLora {
  const store = (matrix: Matrix): StoredMatrix =>
    storeMatrix(graph, matrix, changed === 'float' || matrix.columns % blockSize !== 0 ? 'float' : 'blocks8');
  return { down: store(down), up: store(up) };
}

/**
 * Finds the anchors among the tokens once for all layers, from the input `anchor_mark` float `[1, S]`. A processor takes their rows apart,
 * as most runs have few or none; a device, where buffers cannot be empty, multiplies all rows and drops what is not theirs.
 */
export function findAnchors(graph: GraphBuilder): void {
  if (graph.target === 'cpu') {
    graph.opInto([places], 'Transpose', [graph.op('NonZero', ['anchor_mark'])], { perm: [1, 0] });
  } else {
    graph.opInto([gate], 'Unsqueeze', ['anchor_mark', graph.int64(-1)]);
  }
}

/** `y [1, S, rows]` with the change of `x [1, S, columns]` added where a token is an anchor. */
export function addOnAnchors(graph: GraphBuilder, x: string, y: string, { down, up }: StoredAnchorLora): string {
  if (graph.target !== 'cpu') {
    const low = graph.op('Mul', [multiply(graph, x, down), gate]);
    return graph.op('Add', [y, multiply(graph, low, up)]);
  }
  const ofAnchors = graph.op('GatherND', [x, places]);
  const change = multiply(graph, multiply(graph, ofAnchors, down), up);
  return graph.op('ScatterND', [y, places, change], { reduction: 'add' });
}
