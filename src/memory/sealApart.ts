import type { Choice } from '../protocol/anchorConfig.ts';
import { encodeAnchors } from './anchorBlob.ts';
import type { DecoderContext } from './decoderContext.ts';
import { storedPrecision } from './sequencePlacer.ts';

/**
 * Reads a sequence that sees the pinned prefix alone in a context with nothing else in it, which has nothing in it
 * afterwards.
 *
 * @returns its anchors, as they are stored.
 */
export async function sealApart(
  context: DecoderContext,
  tokens: readonly number[],
  { ratio, choice }: { readonly ratio: number; readonly choice: Choice },
  signal: AbortSignal,
): Promise<Uint8Array> {
  await context.seal(tokens, { ratio, choice, independent: true, signal });
  const bytes = encodeAnchors(await context.exportAnchors(0, storedPrecision));
  context.truncateTo(0);
  await context.trim(); // What chooses anchors for the next one needs the room.
  return bytes;
}
