import type { PlacedToken } from './placedToken.ts';

/** What the mask needs to know of the cached rows: per row its sequence, and 1 where later sequences see it. */
export interface CachedRows {
  readonly rows: number;
  readonly sequences: Int32Array;
  readonly kept: Uint8Array;
}

/** Additive attention bias: 0 or `MASKED`, row-major. */
export interface AttentionBias {
  readonly data: Float32Array;
  readonly dims: readonly [number, number];
}

export const MASKED = -1e9;

const nothingMasked: AttentionBias = { data: new Float32Array(1), dims: [1, 1] };

/**
 * AnSAN mask (arXiv 2402.07616, section 3.2, equation 4) with a pinned prefix and several anchors per sequence:
 * whether `token` sees a cached row, or a token before it, of `sequence`.
 */
export function sees(token: PlacedToken, sequence: number, kept: boolean, anchorsSeeAnchors: boolean): boolean {
  if (sequence === 0 || sequence === token.sequence) return true;
  return kept && sequence < token.sequence && !token.alone && (!token.anchor || anchorsSeeAnchors);
}

/**
 * Bias of `tokens` over the cached rows and themselves: [S, P + S] with P = max(1, rows).
 *
 * An empty cache is fed as one masked row (the graph cannot multiply by nothing). A single token that sees every row
 * gets the [1, 1] zero that the graph broadcasts, which is every decode step.
 */
export function attentionBias(
  cache: CachedRows,
  tokens: readonly PlacedToken[],
  anchorsSeeAnchors: boolean,
): AttentionBias {
  const past = Math.max(1, cache.rows);
  const width = past + tokens.length;
  const data = new Float32Array(tokens.length * width).fill(MASKED);
  let masked = cache.rows === 0 || tokens.length > 1;
  let previous: PlacedToken | undefined;
  tokens.forEach((token, i) => {
    const row = data.subarray(i * width, (i + 1) * width);
    if (previous !== undefined && isAlike(previous, token)) {
      row.set(data.subarray((i - 1) * width, (i - 1) * width + past));
    } else {
      for (let j = 0; j < cache.rows; j++) {
        if (sees(token, cache.sequences[j] ?? 0, cache.kept[j] === 1, anchorsSeeAnchors)) row[j] = 0;
        else masked = true;
      }
    }
    for (let j = 0; j <= i; j++) {
      const other = tokens[j];
      if (other !== undefined && sees(token, other.sequence, other.kept, anchorsSeeAnchors)) row[past + j] = 0;
    }
    previous = token;
  });
  return masked ? { data, dims: [tokens.length, width] } : nothingMasked;
}

/** Both tokens see the same rows of the past. */
function isAlike(a: PlacedToken, b: PlacedToken): boolean {
  return a.sequence === b.sequence && a.anchor === b.anchor && a.alone === b.alone;
}
