import type { Choice } from '../../src/protocol/anchorConfig.ts';
import { AnchorContext } from '../../src/engine/anchorContext.ts';
import { pieces, withAnchors } from '../../src/engine/anchorPlan.ts';
import type { Decoder } from '../../src/engine/decoder.ts';
import type { Random } from '../../src/engine/random.ts';
import { indexOfLargest } from '../../src/engine/sampling.ts';
import { scoredBy, ScoringPass } from '../../src/engine/scoringPass.ts';
import type { TorchModel, TorchReference } from './torchReference.ts';

/** A context to be run three ways. */
export interface Layout {
  readonly pinned: readonly number[];
  readonly sealed: readonly {
    readonly ids: readonly number[];
    readonly ratio: number;
    readonly choice: Choice;
    readonly independent: boolean;
  }[];
  readonly live: readonly number[];
  /** Group sizes of the third run. */
  readonly chunks: (available: number) => number;
}

export interface Comparison {
  readonly maxAbsDiff: number;
  readonly tokens: number;
  readonly agreeing: number;
}

/** PyTorch's one masked forward, the streamed run, and the streamed run in other groups, on one layout. */
export async function compare(
  decoder: Decoder,
  torch: TorchReference,
  model: TorchModel,
  layout: Layout,
): Promise<Comparison> {
  const scoring = new ScoringPass(decoder, layout.pinned);
  const expected = await torch.forward(await request(decoder, model, layout, scoring));
  const inGroups = await streamed(decoder, layout, scoring);
  const found = [...inGroups, ...(await streamed(decoder, layout, scoring, layout.chunks))];
  let maxAbsDiff = 0;
  let agreeing = 0;
  found.forEach((logits, i) => {
    const reference = expected[i % expected.length] ?? new Float32Array();
    logits.forEach((logit, id) => {
      const difference = Math.abs(logit - (reference[id] ?? NaN));
      // A NaN must not pass as small.
      if (!(difference <= maxAbsDiff)) maxAbsDiff = difference;
    });
    if (indexOfLargest(logits) === indexOfLargest(reference)) agreeing++;
  });
  return { maxAbsDiff, tokens: found.length, agreeing };
}

/** What PyTorch is asked: the same pieces with the same anchors in place. */
async function request(decoder: Decoder, model: TorchModel, layout: Layout, scoring: ScoringPass): Promise<object> {
  const config = decoder.package.anchors;
  const sequences: object[] = [];
  for (const { ids, ratio, choice, independent } of layout.sealed) {
    for (const piece of pieces(ids, config.max_sequence_tokens)) {
      const score = (part: readonly number[]): Promise<Float64Array> => scoring.scores(part, scoredBy(choice));
      const part = await withAnchors(piece, config, { ratio, choice, independent, score });
      sequences.push({ ids: part.ids, anchors: [...part.anchors], independent });
    }
  }
  const { scheme, positions, anchors_see_anchors } = config;
  return { model, scheme, positions, anchors_see_anchors, prefix: layout.pinned, sequences, live: layout.live };
}

async function streamed(
  decoder: Decoder,
  layout: Layout,
  scoring: ScoringPass,
  chunks?: (available: number) => number,
): Promise<Float32Array[]> {
  const context = new AnchorContext(decoder, { pinned: layout.pinned, scoring });
  if (chunks !== undefined) context.groupSize = chunks;
  for (const { ids, ...how } of layout.sealed) await context.seal(ids, how);
  return context.read(layout.live, { logits: 'all' });
}

/** Group sizes of one token, or of up to `largest` at random. */
export function randomChunks(random: Random, largest: number, oneByOne: boolean): Layout['chunks'] {
  return oneByOne ? () => 1 : () => random.integer(1, largest);
}
