import assert from 'node:assert/strict';
import { over, type FirstToken } from '../../bench/restoreArms.ts';

function measured(...times: readonly (readonly [string, number])[]): FirstToken[] {
  return times.map(([question, ms]) => ({ question, ms, readAgain: 0 }));
}

describe('arms of restoring', () => {
  it('are compared question by question', () => {
    const closed = measured(['long', 1000], ['short', 20], ['other', 30]);
    const never = measured(['short', 10], ['long', 500], ['other', 10], ['of its own', 1]);
    assert.equal(over(closed, never), 2);
    assert.ok(Number.isNaN(over(closed, measured(['of its own', 1]))));
  });
});
