import { Tokenizer } from '@huggingface/tokenizers';
import { AnchorageError } from '../protocol/errors.ts';
import { calibrationTexts } from './calibrationTexts.ts';
import type { DecoderWeights } from './decoderWeights.ts';
import type { GraphBuilder } from './graphBuilder.ts';
import { GraphRunner } from './graphRunner.ts';
import type { LayerProducts, ProductName } from './layerProducts.ts';
import { blockSize } from './linearLayer.ts';
import { MatrixProduct } from './matrixProduct.ts';
import type { TokenizerFiles } from './weightSource.ts';

/**
 * Which inputs of a matrix are large together, on ordinary text: `xᵀx` of its columns in groups of `width`, float
 * `[width, width]` each. What lies between groups is left out: it would grow with the square of the width.
 */
export interface Moments {
  readonly width: number;
  readonly groups: readonly Float32Array[];
}

const widestGroup = 1536;
const tokensOfText = 512;
const outputPrefix = 'moments.';

/** Adds `moments.{key}`, float `[groups, width, width]`, to a graph of single precision, for what these products read. */
export function addMoments(
  graph: GraphBuilder,
  products: Pick<LayerProducts, 'inputs'>,
  isWanted: (product: ProductName) => boolean,
): void {
  for (const [key, { product, value, columns }] of products.inputs) {
    const width = groupWidth(columns);
    if (!isWanted(product) || width === null) continue;
    const groups = columns / width;
    const byToken = graph.op('Reshape', [value, graph.int64(-1, groups, width)]);
    const left = graph.op('Transpose', [byToken], { perm: [1, 2, 0] });
    const right = graph.op('Transpose', [byToken], { perm: [1, 0, 2] });
    graph.outputPort(outputPrefix + key, 'float', [groups, width, width]);
    graph.opInto([outputPrefix + key], 'MatMul', [left, right]);
  }
}

/** The widest groups of whole blocks that columns can be cut into; null when there are none. */
function groupWidth(columns: number): number | null {
  if (columns <= widestGroup) return columns;
  for (let width = widestGroup; width >= 8 * blockSize; width -= blockSize) if (columns % width === 0) return width;
  return null;
}

/** What four-bit matrices are fitted to. */
export class Calibration {
  readonly product: MatrixProduct;
  readonly #moments: ReadonlyMap<string, Moments>;

  private constructor(product: MatrixProduct, moments: ReadonlyMap<string, Moments>) {
    this.product = product;
    this.#moments = moments;
  }

  /**
   * Reads the calibration texts through a graph with the outputs of `addMoments`.
   *
   * @param path the graph's file.
   */
  static async measure(
    path: string,
    weights: DecoderWeights,
    tokenizer: TokenizerFiles,
    signal: AbortSignal | undefined,
  ): Promise<Calibration> {
    const longest = Math.min(tokensOfText, weights.config.max_position_embeddings);
    const runner = await GraphRunner.open(path, weights);
    const sums = new Map<string, { readonly width: number; readonly values: Float32Array }>();
    try {
      for (const ids of textIds(tokenizer)) {
        signal?.throwIfAborted();
        for (const [name, { values, shape }] of await runner.fetch(ids.slice(0, longest), outputPrefix)) {
          const sum = sums.get(name);
          if (sum === undefined) sums.set(name, { width: shape[1] ?? 0, values });
          else for (let i = 0; i < values.length; i++) sum.values[i] = (sum.values[i] ?? 0) + (values[i] ?? 0);
        }
      }
    } finally {
      await runner.close();
    }
    const moments = new Map(
      [...sums].map(([name, { width, values }]) => {
        const size = width * width;
        const groups = Array.from({ length: values.length / size }, (_, g) =>
          values.subarray(g * size, (g + 1) * size),
        );
        return [name.slice(outputPrefix.length), { width, groups }];
      }),
    );
    return new Calibration(await MatrixProduct.open(), moments);
  }

  /** Undefined for a matrix that was not measured. */
  momentsOf(key: string): Moments | undefined {
    return this.#moments.get(key);
  }

  async close(): Promise<void> {
    await this.product.close();
  }
}

function textIds({ tokenizer, tokenizerConfig }: TokenizerFiles): number[][] {
  if (!isObject(tokenizer) || !isObject(tokenizerConfig))
    throw new AnchorageError('fileInvalid', "The decoder's tokenizer cannot be used.", 'Fetch the decoder again.');
  const reader = new Tokenizer(tokenizer, tokenizerConfig);
  return calibrationTexts.map((text) => reader.encode(text, { add_special_tokens: false }).ids);
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
