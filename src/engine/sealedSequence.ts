import type { Choice } from '../protocol/anchorConfig.ts';

/** A sequence that a context holds, after the pinned prefix. */
export interface SealedSequence {
  /** Its place among the context's sequences, from 0. */
  readonly index: number;
  /** Tokens of its text, anchors that were added not counted. */
  readonly textTokens: number;
  /** Positions that it took in the text, added anchors counted (`absolute` positions go on after them). */
  readonly span: number;
  readonly firstRow: number;
  /** Rows that it holds now, in every layer. */
  readonly rows: number;
  /** Text tokens per anchor it was sealed with; 1 when kept whole. */
  readonly ratio: number;
  readonly choice: Choice | null;
  /** It was read seeing only the pinned prefix. */
  readonly independent: boolean;
  /** Whole (`live`) or its anchors only. */
  readonly state: 'live' | 'anchored';
}

/** How the numbers of stored rows are written, the most exact first. */
export const anchorPrecisions = ['fp32', 'fp16', 'int8'] as const;
export type AnchorPrecision = (typeof anchorPrecisions)[number];

/**
 * Keys and values outside a context, [2 * layers, rows, kv_heads * head_dim], keys of layer l at 2l and its values at
 * 2l + 1: as numbers (exact), as half-precision bits (half the size), or as 8-bit steps of one scale for every head of
 * every row (about a quarter; see int8Rows.ts).
 */
export type StoredNumbers =
  | { readonly precision: 'fp32'; readonly keyValues: Float32Array }
  | { readonly precision: 'fp16'; readonly keyValues: Uint16Array }
  | {
      readonly precision: 'int8';
      readonly keyValues: Int8Array;
      /** Half-precision bits of what one step is, [2 * layers, rows, kv_heads]. */
      readonly scales: Uint16Array;
    };

/** A sequence's rows, outside a context: enough to put it back without reading its text. */
export type SequenceAnchors = StoredNumbers & {
  /** Position at which each row's key is rotated. */
  readonly positions: Int32Array;
  /** Position in the text at which the sequence began (`absolute` positions). */
  readonly textPosition: number;
  readonly sequence: Omit<SealedSequence, 'index' | 'firstRow'>;
};
