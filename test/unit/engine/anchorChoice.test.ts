import assert from 'node:assert/strict';
import {
  anchorCount,
  bestAnchors,
  chooseAnchors,
  strideAnchors,
  windowAnchors,
} from '../../../src/engine/anchorChoice.ts';
import { choices } from '../../../src/protocol/anchorConfig.ts';
import { Random } from '../../../src/engine/random.ts';

describe('anchor choice', () => {
  it('stride takes every r-th token and the last', () => {
    assert.deepEqual(strideAnchors(10, 4), [3, 7, 9]);
    assert.deepEqual(strideAnchors(8, 4), [3, 7]);
    assert.deepEqual(strideAnchors(3, 16), [2]);
    assert.deepEqual(strideAnchors(3, 1), [0, 1, 2]);
  });

  it('window takes the first of the highest of every r', () => {
    assert.deepEqual(windowAnchors([1, 5, 5, 0, 2, 2, 9], 3), [1, 4, 6]);
  });

  it('attention takes the highest of all, earlier ones on ties', () => {
    assert.deepEqual(bestAnchors([3, 9, 3, 1, 9, 3, 0], 3), [0, 1, 4]);
  });

  it('gives exactly ceil(n / r) ascending anchors under every choice', () => {
    const random = new Random(7);
    for (let round = 0; round < 300; round++) {
      const scores = Array.from({ length: random.integer(1, 70) }, () => random.integer(0, 9));
      const ratio = random.integer(1, 20);
      for (const choice of choices) {
        const chosen = chooseAnchors(choice, scores, ratio);
        assert.equal(chosen.length, anchorCount(scores.length, ratio), `${choice}, ${scores.length} at ${ratio}`);
        assert.ok(chosen.every((t, i) => t < scores.length && t > (chosen[i - 1] ?? -1)));
      }
    }
  });
});
