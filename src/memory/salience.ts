/**
 * How much more a question's words attend to each sequence than the markup before them did, in medians of all sequences:
 * what stands near the question, or is long, draws attention whatever is asked, and the quotient takes that out.
 *
 * @param before attention that the markup paid, by sequence.
 * @param words attention that the question's words paid, by sequence.
 */
export function salience(before: readonly number[], words: readonly number[]): number[] {
  const quotients = words.map((attention, index) => attention / Math.max(before[index] ?? 0, smallest));
  const middle = median(quotients);
  return quotients.map((quotient) => (middle === 0 ? 0 : quotient / middle));
}

const smallest = 1e-9;

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2;
}
