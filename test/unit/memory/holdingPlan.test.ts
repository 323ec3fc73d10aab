import assert from 'node:assert/strict';
import { rowsHeld, spillPlan, thinningPlan } from '../../../src/memory/holdingPlan.ts';

type Held = Parameters<typeof spillPlan>[0][number];

function held(id: string, more: Partial<Held> = {}): Held {
  return { id, tokens: 160, ratio: 8, spilled: false, pinned: false, attention: 1, usedAt: 0, ...more };
}

describe('what is held and how', () => {
  it('spills nothing while there is room, and no more than is needed', () => {
    const sequences = ['a', 'b', 'c'].map((id) => held(id));
    assert.deepEqual(spillPlan(sequences, 60, 3), []);
    assert.deepEqual(spillPlan(sequences, 59, 3), ['a']);
    assert.deepEqual(spillPlan(sequences, 20, 3), ['a', 'b']);
    assert.deepEqual(spillPlan(sequences, -1, 3), ['a', 'b', 'c']);
  });

  it('spills first what is old and what no question attended to; what was read lately stays', () => {
    const sequences = [held('read again', { usedAt: 9 }), held('old'), held('attended', { attention: 5 })];
    assert.deepEqual(spillPlan(sequences, 0, 10), ['old', 'attended', 'read again']);
  });

  it('counts neither what is spilled nor touches what is pinned', () => {
    const sequences = [held('spilled', { spilled: true }), held('pinned', { pinned: true }), held('other')];
    assert.equal(rowsHeld(sequences), 40);
    assert.deepEqual(spillPlan(sequences, 0, 1), ['other']);
    assert.deepEqual([...thinningPlan(sequences, 0, [8, 16]).keys()], ['other']);
  });

  it('thins the oldest first, each to the next ratio before any goes two up', () => {
    const sequences = ['a', 'b', 'c'].map((id) => held(id));
    assert.deepEqual([...thinningPlan(sequences, 60, [4, 8, 16, 32])], []);
    assert.deepEqual(
      [...thinningPlan(sequences, 45, [16, 8, 32, 4])],
      [
        ['a', 16],
        ['b', 16],
      ],
    );
    assert.deepEqual(
      [...thinningPlan(sequences, 24, [4, 8, 16, 32])],
      [
        ['a', 32],
        ['b', 32],
        ['c', 16],
      ],
    );
    assert.deepEqual(
      [...thinningPlan(sequences, 0, [8, 16])].map(([, ratio]) => ratio),
      [16, 16, 16],
      'and no further',
    );
  });
});
