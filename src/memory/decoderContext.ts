import type { AnchorContext } from '../engine/anchorContext.ts';

/** The part of the engine's context that a session stands on: what a test without a model has to provide. */
export type DecoderContext = Pick<
  AnchorContext,
  | 'pinned'
  | 'rows'
  | 'rowsFull'
  | 'bytes'
  | 'bytesPerRow'
  | 'textTokens'
  | 'room'
  | 'sequences'
  | 'attention'
  | 'readPinned'
  | 'seal'
  | 'keepWhole'
  | 'read'
  | 'generate'
  | 'dropLive'
  | 'drop'
  | 'truncateTo'
  | 'makeRoom'
  | 'trim'
  | 'release'
  | 'exportAnchors'
  | 'importAnchors'
>;
