import assert from 'node:assert/strict';
import { DraftLength } from '../../../src/engine/draftLength.ts';
import { longestMatch, PromptLookup, shortestMatch } from '../../../src/engine/promptLookup.ts';
import { Random } from '../../../src/engine/random.ts';

function lookup(...ids: readonly number[]): PromptLookup {
  const found = new PromptLookup();
  found.push(ids);
  return found;
}

describe('prompt lookup', () => {
  it('finds nothing in an empty text, in one token, and where no pair stood before', () => {
    assert.deepEqual(lookup().next(3), []);
    assert.deepEqual(lookup(5).next(3), []);
    assert.deepEqual(lookup(5, 5).next(3), [], 'the last pair itself is no earlier place');
    assert.deepEqual(lookup(1, 2, 3, 4).next(3), []);
    assert.equal(lookup(1, 2, 3, 4).matched, 0);
  });

  it('goes on as the text did after its last tokens', () => {
    const found = lookup(1, 2, 3, 4, 5, 9, 2, 3);
    assert.deepEqual(found.next(2), [4, 5]);
    assert.equal(found.matched, 2);
  });

  it('takes the place that agrees longest, and of equals the latest', () => {
    assert.deepEqual(lookup(7, 2, 3, 40, 8, 2, 3, 50, 7, 2, 3).next(1), [40]);
    assert.deepEqual(lookup(6, 2, 3, 40, 8, 2, 3, 50, 7, 2, 3).next(1), [50]);
  });

  it('goes round where a place overlaps the end', () => {
    const same = lookup(4, 4, 4);
    assert.deepEqual(same.next(5), [4, 4, 4, 4, 4]);
    assert.deepEqual(lookup(1, 2, 3, 1, 2).next(7), [3, 1, 2, 3, 1, 2, 3]);
  });

  it('stays fast and right on one token repeated', () => {
    const found = new PromptLookup();
    const begin = performance.now();
    for (let i = 0; i < 200_000; i++) found.push([4]);
    assert.deepEqual(found.next(2), [4, 4]);
    assert.equal(found.matched, longestMatch);
    assert.ok(performance.now() - begin < 5_000);
  });

  it('equals a search through the whole text', () => {
    const random = new Random(4);
    for (let round = 0; round < 300; round++) {
      const ids = Array.from({ length: random.integer(0, 40) }, () => random.integer(0, 2) * (2 ** 24 - 1));
      const found = new PromptLookup();
      for (const id of ids) found.push([id]);
      const { length, next } = longestBefore(ids);
      assert.equal(found.matched, length);
      assert.deepEqual(found.next(1), length === 0 ? [] : [ids[next]]);
    }
  });
});

/** The latest of the earlier places that agree with the end over most tokens. */
function longestBefore(ids: readonly number[]): { length: number; next: number } {
  let best = { length: 0, next: -1 };
  for (let next = shortestMatch; next < ids.length; next++) {
    let length = 0;
    while (length < Math.min(longestMatch, next) && ids[next - 1 - length] === ids[ids.length - 1 - length]) length++;
    if (length >= shortestMatch && length >= best.length) best = { length, next };
  }
  return best;
}

describe('draft length', () => {
  it('is nothing without a repetition, and keeps to the limit', () => {
    const length = new DraftLength(0.1);
    assert.equal(length.after(0, 8), 0);
    assert.equal(length.after(longestMatch, 0), 0);
    assert.equal(length.after(longestMatch, -3), 0);
    assert.ok(length.after(longestMatch, 2) <= 2);
  });

  it('grows where repetitions go on, and ends where they do not', () => {
    const length = new DraftLength(0.1);
    const before = length.after(4, 15);
    for (let i = 0; i < 30; i++)
      for (let matched = shortestMatch; matched <= longestMatch; matched++) length.note(matched, true);
    const after = length.after(4, 15);
    assert.ok(after > before && after >= 8, `${before}, then ${after}`);
    for (let i = 0; i < 30; i++)
      for (let matched = shortestMatch; matched <= longestMatch; matched++) length.note(matched, false);
    assert.equal(length.after(4, 15), 0);
    for (let i = 0; i < 30; i++) length.note(4, true);
    assert.ok(length.after(4, 15) > 0, 'and begins again');
  });

  it('is nothing where a token costs as much as a run', () => {
    const length = new DraftLength(1);
    assert.equal(length.after(longestMatch, 15), 0);
  });
});
