import type { DecoderConfig } from '../protocol/decoderConfig.ts';
import type { AnchorLora } from './anchorLora.ts';
import type { Matrix } from './linearLayer.ts';

/** The weights that a graph is built from: a decoder with its adapter merged in. */
export interface DecoderWeights {
  readonly config: DecoderConfig;
  /** A vector: a norm's weight or a bias. */
  vector(name: string): Float32Array;
  /** Matrices of equal width under one another: `[sum of rows, columns]`. */
  matrix(...names: string[]): Matrix;
  /** Whether the adapter changes what anchors alone read, and is not merged in. */
  readonly hasAnchorLora: boolean;
  /** Such a change of the same matrices under one another; null where there is none. */
  anchorLora(...names: string[]): AnchorLora | null;
  /** What the adapter does to the embeddings of anchors. */
  readonly anchors: AnchorEmbedding;
}

/** `added`: rows for tokens after the vocabulary (AC). `mark`: a vector added to the embedding of marked tokens. */
export type AnchorEmbedding =
  | { readonly kind: 'none' }
  | { readonly kind: 'mark'; readonly vector: Float32Array }
  | { readonly kind: 'added'; readonly rows: Float32Array };
