/** A token with its place in the context: what the mask, the graph and the cache need to know of it. */
export interface PlacedToken {
  readonly id: number;
  /** Where the token is rotated (RoPE). */
  readonly position: number;
  /** Number of its sequence; 0 is the pinned prefix. Later sequences have higher numbers. */
  readonly sequence: number;
  /** It is an anchor: marked where the scheme says so, and kept from earlier anchors unless anchors see anchors. */
  readonly anchor: boolean;
  /** Its row stays when its sequence is closed, and later sequences see it: anchors, and sequences kept whole. */
  readonly kept: boolean;
  /** Its sequence is independent: it sees the pinned prefix and itself alone. */
  readonly alone: boolean;
}
