import { wordsOf } from './words.ts';

/**
 * ROUGE-L of an answer against one reference, in [0, 1]: the F measure (precision and recall weigh the same) of their
 * longest common subsequence of words. Lin, ACL 2004 workshop "Text Summarization Branches Out", section 3.1 (with
 * beta = 1). No stemming; punctuation does not count.
 */
export function rougeL(answer: string, reference: string): number {
  const isWord = (word: string): boolean => /[\p{L}\p{N}_]/u.test(word);
  const [found, wanted] = [wordsOf(answer).filter(isWord), wordsOf(reference).filter(isWord)];
  if (found.length === 0 || wanted.length === 0) return 0;
  const common = longestCommonSubsequence(found, wanted);
  const [precision, recall] = [common / found.length, common / wanted.length];
  return common === 0 ? 0 : (2 * precision * recall) / (precision + recall);
}

/** Its length, by the usual recurrence with one row kept. */
export function longestCommonSubsequence(a: readonly string[], b: readonly string[]): number {
  let previous = new Uint32Array(b.length + 1);
  for (const word of a) {
    const row = new Uint32Array(b.length + 1);
    for (const [j, other] of b.entries()) {
      row[j + 1] = word === other ? (previous[j] ?? 0) + 1 : Math.max(row[j] ?? 0, previous[j + 1] ?? 0);
    }
    previous = row;
  }
  return previous[b.length] ?? 0;
}
