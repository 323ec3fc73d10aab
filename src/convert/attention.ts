import type { DecoderConfig } from '../protocol/decoderConfig.ts';
import type { GraphBuilder } from './graphBuilder.ts';

/** Values that every layer of a graph shares, computed once a run. */
export interface SharedValues {
  readonly positions: string;
  readonly cos: string;
  readonly sin: string;
  /** `[S, P + S]` or `[1, 1]` */
  readonly bias: string;
  /** `[heads, S, -1]` and `[kvHeads, S * heads / kvHeads, -1]` as shapes */
  readonly perHead: string;
  readonly perGroup: string;
  /** `[P - R, R + S]` as sizes */
  readonly pastAndRecent: string;
  /** How many of the P + S keys the scores show: all or none */
  readonly keysScored: string;
}

export interface AttentionInputs {
  /** rotated already: `[1, S, heads * headDim]` and `[1, S, kvHeads * headDim]` */
  readonly queries: string;
  readonly keys: string;
  readonly values: string;
  readonly pastKeys: string;
  /** of the first P - R rows, and of the R after them */
  readonly pastValues: string;
  readonly recentValues: string;
}

export function prepareShared(
  graph: GraphBuilder,
  config: DecoderConfig,
  firstPast: { readonly keys: string; readonly values: string },
  tables: { cos: string; sin: string },
): SharedValues {
  const heads = config.num_attention_heads;
  const kvHeads = config.num_key_value_heads;
  const tokens = graph.op('Shape', ['input_ids'], { start: 1, end: 2 });
  const past = graph.op('Shape', [firstPast.keys], { start: 0, end: 1 });
  const old = graph.op('Shape', [firstPast.values], { start: 0, end: 1 });
  const all = graph.op('Add', [past, tokens]);
  const rowsPerGroup = graph.op('Mul', [tokens, graph.int64(heads / kvHeads)]);
  const wanted = graph.op('Cast', ['want_scores'], { to: 7 });
  return {
    positions: 'position_ids',
    ...tables,
    bias: 'attention_bias',
    perHead: graph.op('Concat', [graph.int64(heads), tokens, graph.int64(-1)], { axis: 0 }),
    perGroup: graph.op('Concat', [graph.int64(kvHeads), rowsPerGroup, graph.int64(-1)], { axis: 0 }),
    pastAndRecent: graph.op('Concat', [old, graph.op('Sub', [all, old])], { axis: 0 }),
    keysScored: graph.op('Mul', [wanted, all]),
  };
}

/**
 * Grouped-query attention over a read-only past `[P, kvHeads, headDim]` and S new tokens.
 *
 * The past is never copied: `FusedMatMul` reads it token-major (`transBatchB`), the two halves of the scores meet in one softmax, and
 * the two halves of the result are added. So the past stays a view of the caller's memory, and only new rows leave the graph.
 *
 * A sum depends on where it is cut. So that tokens read one by one and several at once get the same bits, the values of the R most
 * recent past rows are summed with the new ones: the caller cuts where it would for any of these tokens.
 *
 * @returns `attended [1, S, heads * headDim]`; `scores [heads, P + S]`, the largest probability over the queries for each key,
 *   or `[heads, 0]` when they are not wanted: a slice of no keys costs next to nothing in a decode step.
 */
export function attention(
  graph: GraphBuilder,
  config: DecoderConfig,
  shared: SharedValues,
  { queries, keys, values, pastKeys, pastValues, recentValues }: AttentionInputs,
): { attended: string; scores: string } {
  const { num_attention_heads: heads, num_key_value_heads: kvHeads, head_dim: headDim } = config;
  const perGroup = heads / kvHeads;
  const scaled = { transB: 1, transBatchB: 1, alpha: { float: 1 / Math.sqrt(headDim) } };
  const weighted = { transBatchB: 1 };
  const newRows = graph.int64(-1, kvHeads, headDim);

  const grouped = graph.op('Transpose', [graph.op('Reshape', [queries, graph.int64(-1, kvHeads, perGroup, headDim)])], {
    perm: [1, 2, 0, 3],
  });
  const query = graph.op('Reshape', [grouped, graph.int64(kvHeads, -1, headDim)]);
  const toPast = graph.op('FusedMatMul', [query, pastKeys], scaled);
  const toNew = graph.op('FusedMatMul', [query, graph.op('Reshape', [keys, newRows])], scaled);
  const logits = graph.op('Reshape', [graph.op('Concat', [toPast, toNew], { axis: 2 }), shared.perHead]);
  const probabilities = graph.op('Softmax', [graph.op('Add', [logits, shared.bias])], { axis: -1 });
  const [onPast, onRecent] = graph.pair(
    'Split',
    [graph.op('Reshape', [probabilities, shared.perGroup]), shared.pastAndRecent],
    { axis: 2 },
  );
  const recentAndNew = graph.op('Concat', [recentValues, graph.op('Reshape', [values, newRows])], { axis: 0 });
  const mixed = graph.op('Add', [
    graph.op('FusedMatMul', [onPast, pastValues], weighted),
    graph.op('FusedMatMul', [onRecent, recentAndNew], weighted),
  ]);
  const byToken = graph.op('Transpose', [graph.op('Reshape', [mixed, graph.int64(kvHeads, perGroup, -1, headDim)])], {
    perm: [2, 0, 1, 3],
  });

  const shown = graph.op('Slice', [probabilities, graph.int64(0), shared.keysScored, graph.int64(2)]);
  const largest = graph.op('ReduceMax', [shown, graph.int64(1)], { keepdims: 0 });
  return {
    attended: graph.op('Reshape', [byToken, graph.int64(1, -1, heads * headDim)]),
    scores: largest,
  };
}
