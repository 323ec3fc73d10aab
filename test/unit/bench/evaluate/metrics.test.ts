import assert from 'node:assert/strict';
import { bleu4 } from '../../../bench/evaluate/metrics/bleu.ts';
import {
  bootstrap,
  differenceEstimate,
  meanEstimate,
  meanOfGroups,
} from '../../../bench/evaluate/metrics/bootstrap.ts';
import { chrf } from '../../../bench/evaluate/metrics/chrf.ts';
import { recovery } from '../../../bench/evaluate/metrics/recovery.ts';
import { longestCommonSubsequence, rougeL } from '../../../bench/evaluate/metrics/rougeL.ts';
import { countNgrams, overlap, wordsOf } from '../../../bench/evaluate/metrics/words.ts';

function near(actual: number, expected: number, tolerance = 1e-9): void {
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} is not ${expected}`);
}

describe('words of a text', () => {
  it('are runs of letters, digits and underscores in lower case, and marks by themselves', () => {
    assert.deepEqual(wordsOf('Calls `a_b.C2()`,\n naïvely'), [
      'calls',
      '`',
      'a_b',
      '.',
      'c2',
      '(',
      ')',
      '`',
      ',',
      'naïvely',
    ]);
  });

  it('n-grams are counted, and shared ones at most as often as in the reference', () => {
    const found = countNgrams(['the', 'the', 'the'], 1);
    assert.deepEqual([...found.values()], [3]);
    // Papineni et al., example 2: "the" seven times against two in the reference counts twice.
    assert.equal(
      overlap(
        countNgrams('the the the the the the the'.split(' '), 1),
        countNgrams('the cat is on the mat'.split(' '), 1),
      ),
      2,
    );
    // The items' joint is no item's text: "ab c" and "a bc" differ.
    assert.equal(overlap(countNgrams(['ab', 'c'], 2), countNgrams(['a', 'bc'], 2)), 0);
  });
});

describe('BLEU-4 of a sentence', () => {
  it('is 1 for the reference itself and 0 where no word is shared', () => {
    near(bleu4('Returns the sum of two numbers.', 'Returns the sum of two numbers.'), 1);
    assert.equal(bleu4('alpha beta', 'gamma delta'), 0);
    assert.equal(bleu4('', 'gamma'), 0);
  });

  it('by hand: 5 of 6 words, 3 + 1 of 5 + 1 pairs, 1 + 1 of 4 + 1 triples, 0 + 1 of 3 + 1 quadruples', () => {
    // the cat sat on the mat / the cat is on the mat: pairs "the cat", "on the", "the mat"; triple "on the mat".
    const expected = ((5 / 6) * (4 / 6) * (2 / 5) * (1 / 4)) ** 0.25;
    near(bleu4('the cat sat on the mat', 'the cat is on the mat'), expected);
  });

  it('an answer shorter than the reference is charged exp(1 - r / c)', () => {
    // Two of two words, 1 + 1 of 1 + 1 pairs, 0 + 1 of 0 + 1 above; r = 4, c = 2.
    near(bleu4('the cat', 'the cat sat down'), Math.exp(1 - 4 / 2));
  });
});

describe('ROUGE-L', () => {
  it('finds the longest common subsequence', () => {
    assert.equal(longestCommonSubsequence(Array.from('ABCBDAB'), Array.from('BDCABA')), 4);
    assert.equal(longestCommonSubsequence([], ['a']), 0);
  });

  it("by hand: Lin's example of police and gunman (2004, section 3.1)", () => {
    // S1: police killed the gunman. S2 shares police, the, gunman: 3 of 4 words. S3 shares "the gunman": 2 of 4.
    near(rougeL('police kill the gunman', 'police killed the gunman'), 3 / 4);
    near(rougeL('the gunman kill police', 'police killed the gunman'), 2 / 4);
  });

  it('weighs precision and recall the same, and leaves marks out', () => {
    // 2 shared; precision 2/2, recall 2/4: F = 2 * 1 * 0.5 / 1.5.
    near(rougeL('a, b!', 'a b c d'), 2 / 3);
    assert.equal(rougeL('...', 'a'), 0);
  });
});

describe('chrF', () => {
  it('is 1 for the reference itself, whatever the blanks, and 0 where nothing is shared', () => {
    near(chrf('Reads a file', 'Reads  a file'), 1);
    assert.equal(chrf('abc', 'xyz'), 0);
    assert.equal(chrf('', 'xyz'), 0);
  });

  it('by hand: abcd against abce, orders 1 to 4', () => {
    // Shared: 3 of 4, 2 of 3, 1 of 2, 0 of 1 on both sides: F of equal precision and recall is their mean.
    near(chrf('abcd', 'abce'), (3 / 4 + 2 / 3 + 1 / 2 + 0) / 4);
  });

  it('by hand: recall weighs four times as much as precision', () => {
    // "ab" against "abab": order 1: 2 of 2 and 2 of 4; order 2: 1 of 1 and 1 of 3; longer orders are not in the answer.
    const [precision, recall] = [1, (1 / 2 + 1 / 3) / 2];
    near(chrf('ab', 'abab'), (5 * precision * recall) / (4 * precision + recall));
  });

  it('counts characters, not code units', () => {
    near(chrf('😀', '😀'), 1);
  });
});

describe('bootstrap', () => {
  const values = Array.from({ length: 40 }, (_, i) => i % 4);

  it('gives the same interval for the same seed, around the value', () => {
    const [once, again] = [meanEstimate(values), meanEstimate(values)];
    assert.deepEqual(once, again);
    assert.ok(once !== null);
    assert.equal(once.value, 1.5);
    assert.ok(once.low < 1.5 && once.high > 1.5);
    // Standard error of the mean: sqrt(1.25 / 40) = 0.177; the interval is about 1.96 of it on both sides.
    near(once.high - once.low, 2 * 1.96 * Math.sqrt(1.25 / 40), 0.08);
  });

  it('another seed draws others', () => {
    const figure = (indices: readonly number[]): number => indices.reduce((sum, i) => sum + (values[i] ?? 0), 0);
    assert.notDeepEqual(bootstrap(40, figure, 1), bootstrap(40, figure, 2));
  });

  it('a constant has no width, nothing has no estimate', () => {
    assert.deepEqual(meanEstimate([2, 2, 2]), { value: 2, low: 2, high: 2 });
    assert.equal(meanEstimate([]), null);
    assert.equal(
      bootstrap(3, () => NaN),
      null,
    );
  });

  it('pairs stay together: a constant difference is certain, however much items differ', () => {
    assert.deepEqual(differenceEstimate([1, 11, 101], [0, 10, 100]), { value: 1, low: 1, high: 1 });
  });

  it('groups weigh the same, whatever their size', () => {
    const estimate = meanOfGroups([[1, 1, 1, 1, 1, 1], [3]]);
    assert.deepEqual(estimate, { value: 2, low: 2, high: 2 });
  });
});

describe('recovery', () => {
  const none = [0, 1, 0, 1, 0, 1, 0, 1];
  const full = none.map((value) => value + 4);

  it('is the share of what the whole context gains', () => {
    const half = recovery({ reduced: none.map((value) => value + 2), full, none });
    assert.ok(half !== null);
    near(half.value, 0.5);
    near(half.low, 0.5);
    near(recovery({ reduced: full, full, none })?.value ?? NaN, 1);
    near(recovery({ reduced: none, full, none })?.value ?? NaN, 0);
  });

  it('can be below 0: anchors may mislead', () => {
    near(recovery({ reduced: none.map((value) => value - 4), full, none })?.value ?? NaN, -1);
  });

  it('is not given where reading everything gains nothing that the sample shows', () => {
    assert.equal(recovery({ reduced: none, full: none, none }), null);
    const noisy = none.map((value, i) => value + (i % 2 === 0 ? 5 : -4.9));
    assert.equal(recovery({ reduced: none, full: noisy, none }), null);
  });
});
