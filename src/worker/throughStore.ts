import type { AnchorPrecision } from '../engine/sealedSequence.ts';
import { decodeAnchors, encodeAnchors } from '../memory/anchorBlob.ts';
import type { DecoderContext } from '../memory/decoderContext.ts';
import { AnchorageError } from '../protocol/errors.ts';

/** Precisions that the store can keep rows in. */
export type StoredPrecision = Exclude<AnchorPrecision, 'fp32'>;

/**
 * Puts a context's latest sequence in place again from what the store keeps of it, as a session does that goes on from
 * what it could restore; to measure what that costs in answers.
 */
export async function throughStore(
  context: Pick<DecoderContext, 'exportAnchors' | 'importAnchors' | 'sequences' | 'truncateTo'>,
  precision: StoredPrecision,
  signal?: AbortSignal,
): Promise<void> {
  const index = context.sequences.length - 1;
  const anchors = decodeAnchors(encodeAnchors(await context.exportAnchors(index, precision)));
  if (anchors === undefined) throw new AnchorageError('internal', 'Stored anchors were not read as they were written.');
  context.truncateTo(index);
  await context.importAnchors(anchors, signal);
}
