import { countNgrams, overlap, totalOf } from './words.ts';

const longest = 6;
/** Recall weighs beta squared times as much as precision. */
const beta = 2;

/**
 * chrF2 of an answer against one reference, in [0, 1]: the F measure of precision and recall of character n-grams of
 * orders 1 to 6, blanks left out, case kept. Popović, WMT 2015, with the averaging that sacreBLEU uses by default:
 * precision and recall are averaged over the orders that both texts are long enough for.
 */
export function chrf(answer: string, reference: string): number {
  const [found, wanted] = [charactersOf(answer), charactersOf(reference)];
  let [precision, recall, orders] = [0, 0, 0];
  for (let order = 1; order <= longest; order++) {
    const [ours, theirs] = [countNgrams(found, order), countNgrams(wanted, order)];
    const [ourTotal, theirTotal] = [totalOf(ours), totalOf(theirs)];
    if (ourTotal === 0 || theirTotal === 0) continue;
    const shared = overlap(ours, theirs);
    precision += shared / ourTotal;
    recall += shared / theirTotal;
    orders++;
  }
  if (precision + recall === 0) return 0;
  [precision, recall] = [precision / orders, recall / orders];
  return ((1 + beta ** 2) * precision * recall) / (beta ** 2 * precision + recall);
}

function charactersOf(text: string): string[] {
  return Array.from(text.replace(/\s+/g, ''));
}
