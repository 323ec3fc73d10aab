import type { DecoderConfig } from '../protocol/decoderConfig.ts';
import type { GraphBuilder } from './graphBuilder.ts';
import type { Matrix } from './linearLayer.ts';
import type { ElementType } from './onnxModel.ts';

/** Type of the cached rows: half precision takes half the memory, and half the time to read a long past. */
export type CacheType = Extract<ElementType, 'float' | 'float16'>;

/** Values that every layer of a graph shares, computed once a run. */
export interface SharedValues {
  /** `[S, heads + 2 * kvHeads]`: the token's position for queries and keys, 0 for values, which a rotation by 0 leaves alone */
  readonly positions: string;
  /** `[S, heads]` and `[S, kvHeads]`, for decoders whose queries and keys are rotated apart */
  readonly queryPositions: string;
  readonly keyPositions: string;
  readonly cos: string;
  readonly sin: string;
  /** `[S * heads / kvHeads, P + S]` or `[heads / kvHeads, 1]` */
  readonly bias: string;
  /** `[P - R, R + S]` as sizes */
  readonly pastAndRecent: string;
  /** How many of the P + S keys the scores show: all or none */
  readonly keysScored: string;
  /** `[kvHeads, S, heads / kvHeads, keysScored]` as a shape */
  readonly scoresShape: string;
}

export interface AttentionInputs {
  /** rotated already: `[S, heads, headDim]`, heads in the order of `queryHeadOrder` */
  readonly queries: string;
  /** of the type of the cache, as all that follow: `[S, kvHeads, headDim]`, keys rotated */
  readonly keys: string;
  readonly values: string;
  readonly pastKeys: string;
  /** of the first P - R rows, and of the R after them */
  readonly pastValues: string;
  readonly recentValues: string;
}

/**
 * The order of query heads inside a graph: the first head of every key/value head, then the second of each, and so on.
 *
 * So the queries of S tokens are `[S * heads / kvHeads, kvHeads, headDim]` as they lie, and share key/value heads with no
 * transposition.
 */
export function queryHeadOrder({ num_attention_heads: heads, num_key_value_heads: kvHeads }: DecoderConfig): number[] {
  const perGroup = heads / kvHeads;
  return Array.from({ length: heads }, (_, i) => (i % kvHeads) * perGroup + Math.floor(i / kvHeads));
}

/** A matrix that makes queries `[heads * headDim (and more), columns]`, its rows in the order of the graph's heads. */
export function withOrderedRows({ values, rows, columns }: Matrix, config: DecoderConfig): Matrix {
  const ordered = values.slice();
  const block = config.head_dim * columns;
  queryHeadOrder(config).forEach((head, i) =>
    ordered.set(values.subarray(head * block, (head + 1) * block), i * block),
  );
  return { values: ordered, rows, columns };
}

/** A matrix over attended values `[rows, heads * headDim]`, its columns in the order of the graph's heads. */
export function withOrderedColumns({ values, rows, columns }: Matrix, config: DecoderConfig): Matrix {
  const ordered = new Float32Array(values.length);
  const width = config.head_dim;
  const order = queryHeadOrder(config);
  for (let start = 0; start < values.length; start += columns) {
    order.forEach((head, i) => {
      ordered.set(values.subarray(start + head * width, start + (head + 1) * width), start + i * width);
    });
  }
  return { values: ordered, rows, columns };
}

export function prepareShared(
  graph: GraphBuilder,
  config: DecoderConfig,
  firstPast: { readonly keys: string; readonly values: string },
  tables: { cos: string; sin: string },
): SharedValues {
  const { num_attention_heads: heads, num_key_value_heads: kvHeads } = config;
  const perGroup = heads / kvHeads;
  const tokens = graph.op('Shape', ['input_ids'], { start: 1, end: 2 });
  const past = graph.op('Shape', [firstPast.keys], { start: 0, end: 1 });
  const old = graph.op('Shape', [firstPast.values], { start: 0, end: 1 });
  const all = graph.op('Add', [past, tokens]);
  const wanted = graph.op('Cast', ['want_scores'], { to: 7 });
  const keysScored = graph.op('Mul', [wanted, all]);
  const position = graph.op('Reshape', ['position_ids', graph.int64(-1, 1)]);
  const repeated = (count: number): string => graph.op('Mul', [position, graph.int64(...repeat(1, count))]);
  const rotated = [...repeat(1, heads + kvHeads), ...repeat(0, kvHeads)];
  const biasPerHead = graph.op('Expand', [
    graph.op('Unsqueeze', ['attention_bias', graph.int64(1)]),
    graph.int64(1, perGroup, 1),
  ]);
  const biasWidth = graph.op('Shape', ['attention_bias'], { start: 1, end: 2 });
  return {
    positions: graph.op('Mul', [position, graph.int64(...rotated)]),
    queryPositions: config.model_type === 'qwen3' ? repeated(heads) : '',
    keyPositions: config.model_type === 'qwen3' ? repeated(kvHeads) : '',
    ...tables,
    bias: graph.op('Reshape', [biasPerHead, graph.op('Concat', [graph.int64(-1), biasWidth], { axis: 0 })]),
    pastAndRecent: graph.op('Concat', [old, graph.op('Sub', [all, old])], { axis: 0 }),
    keysScored,
    scoresShape: graph.op('Concat', [graph.int64(kvHeads), tokens, graph.int64(perGroup), keysScored], { axis: 0 }),
  };
}

/**
 * Grouped-query attention over a read-only past `[P, kvHeads, headDim]` and S new tokens.
 *
 * The past is never copied: `FusedMatMul` reads it token-major (`transBatchB`), the two halves of the scores meet in one softmax, and
 * the two halves of the result are added. So the past stays a view of the caller's memory, and only new rows leave the graph.
 *
 * Tokens read one by one and several at once get the same bits. So new keys and values are rounded as the cache does it before they are
 * used; and since a sum depends on where it is cut, the values of the R most recent past rows are summed with the new ones: the
 * caller cuts where it would for any of these tokens.
 *
 * @returns `attended [1, S, heads * headDim]`, heads in the graph's order; `scores [kvHeads, heads / kvHeads, P + S]`, the largest
 *   probability over the queries for each key, or `[.., 0]` when they are not wanted: a slice of no keys costs next to nothing in
 *   a decode step.
 */
export function attention(
  graph: GraphBuilder,
  config: DecoderConfig,
  shared: SharedValues,
  { queries, keys, values, pastKeys, pastValues, recentValues }: AttentionInputs,
  cacheType: CacheType,
): { attended: string; scores: string } {
  const { num_attention_heads: heads, num_key_value_heads: kvHeads, head_dim: headDim } = config;
  const scaled = { transBatchA: 1, transB: 1, transBatchB: 1, alpha: { float: 1 / Math.sqrt(headDim) } };
  const weighted = { transBatchB: 1 };
  const single = (rows: string): string => (cacheType === 'float' ? rows : graph.op('Cast', [rows], { to: 1 }));

  const query = graph.op('Reshape', [queries, graph.int64(-1, kvHeads, headDim)]);
  const toPast = graph.op('FusedMatMul', [query, single(pastKeys)], scaled);
  const toNew = graph.op('FusedMatMul', [query, single(keys)], scaled);
  const logits = graph.op('Concat', [toPast, toNew], { axis: 2 });
  const probabilities = graph.op('Softmax', [graph.op('Add', [logits, shared.bias])], { axis: -1 });
  const [onPast, onRecent] = graph.pair('Split', [probabilities, shared.pastAndRecent], { axis: 2 });
  const recentAndNew = graph.op('Concat', [recentValues, values], { axis: 0 });
  const mixed = graph.op('Add', [
    graph.op('FusedMatMul', [onPast, single(pastValues)], weighted),
    graph.op('FusedMatMul', [onRecent, single(recentAndNew)], weighted),
  ]);
  const byToken = graph.op('Transpose', [mixed], { perm: [1, 0, 2] });

  const shown = graph.op('Slice', [probabilities, graph.int64(0), shared.keysScored, graph.int64(2)]);
  const byHead = graph.op('Reshape', [shown, shared.scoresShape], { allowzero: 1 });
  return {
    attended: graph.op('Reshape', [byToken, graph.int64(1, -1, heads * headDim)]),
    scores: graph.op('ReduceMax', [byHead, graph.int64(1)], { keepdims: 0 }),
  };
}

function repeat(value: number, count: number): number[] {
  return Array.from({ length: count }, () => value);
}
