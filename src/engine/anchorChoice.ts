import type { Choice } from '../protocol/anchorConfig.ts';
import { assertNever } from '../protocol/errors.ts';

/** Anchors of a sequence of `length` tokens at `ratio`: as many under every choice. */
export function anchorCount(length: number, ratio: number): number {
  return Math.ceil(length / ratio);
}

/** Every `ratio`-th token and the last: ceil(length / ratio) indices, ascending. */
export function strideAnchors(length: number, ratio: number): number[] {
  const indices: number[] = [];
  for (let t = ratio - 1; t < length - 1; t += ratio) indices.push(t);
  if (length > 0) indices.push(length - 1);
  return indices;
}

/** The token with the highest score (first of equals) of every `ratio` in a row, ascending. */
export function windowAnchors(scores: ArrayLike<number>, ratio: number): number[] {
  const indices: number[] = [];
  for (let start = 0; start < scores.length; start += ratio) {
    let best = start;
    for (let t = start + 1; t < Math.min(start + ratio, scores.length); t++) {
      if ((scores[t] ?? 0) > (scores[best] ?? 0)) best = t;
    }
    indices.push(best);
  }
  return indices;
}

/** The ceil(length / ratio) tokens with the highest scores (of equals the earlier), ascending. */
export function bestAnchors(scores: ArrayLike<number>, ratio: number): number[] {
  const order = Array.from({ length: scores.length }, (_, t) => t);
  order.sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0) || a - b);
  return order.slice(0, anchorCount(scores.length, ratio)).sort((a, b) => a - b);
}

/** Anchors of a sequence by its scores (`scoringPass.ts`); `stride` reads their number only. */
export function chooseAnchors(choice: Choice, scores: ArrayLike<number>, ratio: number): number[] {
  switch (choice) {
    case 'stride':
      return strideAnchors(scores.length, ratio);
    case 'window':
      return windowAnchors(scores, ratio);
    case 'attention':
    case 'learned':
      return bestAnchors(scores, ratio);
    default:
      return assertNever(choice);
  }
}
