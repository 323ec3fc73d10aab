import { z } from 'zod';
import type { AnchorConfig } from '../protocol/anchorConfig.ts';
import type { DecoderConfig } from '../protocol/decoderConfig.ts';
import { AnchorageError, assertNever } from '../protocol/errors.ts';

/** The paper's two ways, for a decoder that was itself trained with anchors: no adapter belongs to it. */
export const trainedSchemes = ['AC', 'EP'] as const;
export type TrainedScheme = (typeof trainedSchemes)[number];

const addedAnchor = '<AC>';
const endpoint = '.';

const tokenizerSchema = z.looseObject({
  model: z.looseObject({ vocab: z.record(z.string(), z.int()) }),
  added_tokens: z.array(z.looseObject({ id: z.int(), content: z.string() })).default([]),
});

/**
 * What the checkpoints of AnLLM (arXiv 2402.07616; `pangjh3/AnLLM-*`) leave unsaid about their anchors.
 *
 * AC: the token `<AC>`, which is part of their vocabulary, and which they write themselves. EP: the token of a full stop alone, as
 * their authors' `--anchor_symbols "."`. A sequence has one anchor, at its end; anchors do not see anchors (Eq. 4); a token keeps
 * the position it had in the text.
 *
 * @param path the decoder's, for the message.
 * @throws AnchorageError `unsupported` when the decoder's tokenizer has no such token.
 */
export function trainedAnchors(
  scheme: TrainedScheme,
  tokenizer: unknown,
  config: DecoderConfig,
  path: string,
): Omit<AnchorConfig, 'base' | 'adapter'> {
  const longest = Math.min(1024, config.max_position_embeddings);
  return {
    format_version: 1,
    scheme,
    anchor_token_ids: [anchorId(scheme, tokenizer, path)],
    choice: 'stride',
    choices: ['stride'],
    ratio: longest,
    ratios: [longest],
    anchors_see_anchors: false,
    positions: 'absolute',
    independent_chunks: false,
    max_sequence_tokens: longest,
  };
}

function anchorId(scheme: TrainedScheme, tokenizer: unknown, path: string): number {
  const parsed = tokenizerSchema.safeParse(tokenizer);
  const { model, added_tokens: added } = parsed.success ? parsed.data : { model: { vocab: {} }, added_tokens: [] };
  switch (scheme) {
    case 'AC':
      return found(added.find(({ content }) => content === addedAnchor)?.id, addedAnchor, path);
    case 'EP':
      return found(new Map(Object.entries(model.vocab)).get(endpoint), endpoint, path);
    default:
      return assertNever(scheme);
  }
}

function found(id: number | undefined, token: string, path: string): number {
  if (id !== undefined) return id;
  throw new AnchorageError(
    'unsupported',
    `${path}: its tokenizer has no token ${token}, so it was not trained with such anchors.`,
    'Leave --scheme out: anchors are then selected among its ordinary tokens.',
  );
}
