import { addOnAnchors, storeAnchorLora, type AnchorLora, type StoredAnchorLora } from './anchorLora.ts';
import type { Calibration } from './calibration.ts';
import { compensatedNibbles } from './compensatedNibbles.ts';
import type { GraphBuilder } from './graphBuilder.ts';
import {
  blockSize,
  multiply,
  storeBlocks,
  storeMatrix,
  type LinearFormat,
  type Matrix,
  type StoredMatrix,
} from './linearLayer.ts';

/** The four products of a layer. */
export type ProductName = 'queriesKeysValues' | 'attentionOutput' | 'gateUp' | 'down';

/** What a product multiplies by: a matrix, and what anchors alone add to it. */
export interface ProductSource {
  readonly matrix: () => Matrix;
  readonly anchorLora: () => AnchorLora | null;
}

/** What a product of a graph reads. */
export interface ProductInput {
  readonly product: ProductName;
  readonly value: string;
  readonly columns: number;
}

/**
 * The products of a variant's layers. A matrix is read and quantised once, and both graphs of the variant refer to what was stored.
 */
export class LayerProducts {
  readonly #formats: Readonly<Record<ProductName, LinearFormat>>;
  readonly #calibration: Calibration | null;
  readonly #stored = new Map<string, { readonly matrix: StoredMatrix; readonly lora: StoredAnchorLora | null }>();
  readonly #inputs = new Map<string, ProductInput>();

  /** @param calibration what matrices of four bits are fitted to; null: to their own values. */
  constructor(formats: Readonly<Record<ProductName, LinearFormat>>, calibration: Calibration | null) {
    this.#formats = formats;
    this.#calibration = calibration;
  }

  /** What the products of the graph that was built last read, by layer and product. */
  get inputs(): ReadonlyMap<string, ProductInput> {
    return this.#inputs;
  }

  /** `x [1, S, columns] -> [1, S, rows]`; `source` is read where the matrix has not been stored yet. */
  async multiply(
    graph: GraphBuilder,
    layer: number,
    product: ProductName,
    x: string,
    source: ProductSource,
  ): Promise<string> {
    const key = productKey(layer, product);
    const stored = this.#stored.get(key) ?? (await this.#storeSource(graph, key, this.#formats[product], source));
    this.#stored.set(key, stored);
    const { matrix, lora } = stored;
    this.#inputs.set(key, { product, value: x, columns: matrix.columns });
    const multiplied = multiply(graph, x, matrix);
    return lora === null ? multiplied : addOnAnchors(graph, x, multiplied, lora);
  }

  async #storeSource(
    graph: GraphBuilder,
    key: string,
    format: LinearFormat,
    source: ProductSource,
  ): Promise<{ matrix: StoredMatrix; lora: StoredAnchorLora | null }> {
    const matrix = await this.#store(graph, key, format, source.matrix());
    const lora = source.anchorLora();
    return { matrix, lora: lora && storeAnchorLora(graph, lora, format) };
  }

  async #store(graph: GraphBuilder, key: string, format: LinearFormat, matrix: Matrix): Promise<StoredMatrix> {
    const moments = format === 'blocks4' ? this.#calibration?.momentsOf(key) : undefined;
    if (this.#calibration === null || moments === undefined) return storeMatrix(graph, matrix, format);
    const quantised = await compensatedNibbles(matrix, moments, blockSize, this.#calibration.product);
    return storeBlocks(graph, matrix, 4, quantised);
  }
}

function productKey(layer: number, product: ProductName): string {
  return `${layer}.${product}`;
}
