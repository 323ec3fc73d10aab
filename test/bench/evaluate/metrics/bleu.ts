import { countNgrams, overlap, totalOf, wordsOf } from './words.ts';

const longest = 4;

/**
 * BLEU-4 of one sentence against one reference, in [0, 1]: Papineni et al., ACL 2002, section 2.3, with the smoothing
 * that Lin and Och give for single sentences (COLING 2004, section 4: one is added to the matches and the totals of
 * every order above 1; an answer shorter than an order so has 1 of 1). Scores of sentences are averaged, as is usual for descriptions of code; that is not corpus BLEU.
 */
export function bleu4(answer: string, reference: string): number {
  const [found, wanted] = [wordsOf(answer), wordsOf(reference)];
  if (found.length === 0 || wanted.length === 0) return 0;
  let logarithms = 0;
  for (let order = 1; order <= longest; order++) {
    const counts = countNgrams(found, order);
    const smoothing = order > 1 ? 1 : 0;
    const matches = overlap(counts, countNgrams(wanted, order)) + smoothing;
    if (matches === 0) return 0;
    logarithms += Math.log(matches / (totalOf(counts) + smoothing));
  }
  const brevity = found.length >= wanted.length ? 1 : Math.exp(1 - wanted.length / found.length);
  return brevity * Math.exp(logarithms / longest);
}
