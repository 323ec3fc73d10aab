/**
 * A text's words and marks in lower case: runs of letters, digits and underscores, and every other character that is
 * not blank by itself. So that `a.b()` in a reference and in an answer agree whatever stands around them.
 */
export function wordsOf(text: string): string[] {
  return text.toLowerCase().match(/[\p{L}\p{N}_]+|[^\p{L}\p{N}_\s]/gu) ?? [];
}

/** How often every `order` items in a row occur, by the items joined with a character that is in none of them. */
export function countNgrams(items: readonly string[], order: number): Map<string, number> {
  const counts = new Map<string, number>();
  for (let i = 0; i + order <= items.length; i++) {
    const key = items.slice(i, i + order).join('\u0000');
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}

/** Occurrences in `found` that `reference` has too, each at most as often as there (clipped counts). */
export function overlap(found: ReadonlyMap<string, number>, reference: ReadonlyMap<string, number>): number {
  let shared = 0;
  for (const [key, count] of found) shared += Math.min(count, reference.get(key) ?? 0);
  return shared;
}

export function totalOf(counts: ReadonlyMap<string, number>): number {
  let sum = 0;
  for (const count of counts.values()) sum += count;
  return sum;
}
