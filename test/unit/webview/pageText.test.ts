import assert from 'node:assert/strict';
import { formatAge, formatBytes, formatCount, formatFactor, formatSeconds } from '../../../src/webview/format.ts';
import { InputHistory } from '../../../src/webview/inputHistory.ts';
import { spokenAnswer } from '../../../src/webview/spokenAnswer.ts';

describe('format', () => {
  it('gives numbers with their unit', () => {
    assert.equal(formatCount(12345), '12,345');
    assert.deepEqual([0, 46_080, 999_400, 3_479_040, 56_600_000, 185_000_000, 1_472_000_000].map(formatBytes), [
      '0 MB',
      '46.1 kB',
      '999 kB',
      '3.5 MB',
      '56.6 MB',
      '185 MB',
      '1.5 GB',
    ]);
    assert.deepEqual([40, 9_940, 12_300].map(formatSeconds), ['0.0 s', '9.9 s', '12 s']);
    assert.equal(formatFactor(7.94), '7.9×');
  });

  it('tells how long ago something was', () => {
    const now = Date.UTC(2026, 5, 1, 12);
    const ago = (minutes: number): string => formatAge(now - minutes * 60_000, now);
    assert.deepEqual([0, 5, 120, 60 * 24, 60 * 24 * 9].map(ago), [
      'this minute',
      '5 minutes ago',
      '2 hours ago',
      'yesterday',
      '9 days ago',
    ]);
    assert.equal(formatAge(now + 60_000, now), 'this minute');
  });
});

describe('InputHistory', () => {
  it('walks back through the questions and returns to the draft', () => {
    const history = new InputHistory(['first', 'second']);
    assert.equal(history.older('draft'), 'second');
    assert.equal(history.older('second'), 'first');
    assert.equal(history.older('first'), null);
    assert.equal(history.newer(), 'second');
    assert.equal(history.newer(), 'draft');
    assert.equal(history.newer(), null);
  });

  it('keeps a question once and fifty at most', () => {
    const history = new InputHistory([]);
    for (let index = 0; index < 60; index++) {
      history.add(`question ${index}`);
    }
    history.add('question 30');
    assert.equal(history.entries.length, 50);
    assert.equal(history.entries.at(-1), 'question 30');
    assert.equal(history.entries.filter((entry) => entry === 'question 30').length, 1);
  });
});

describe('spokenAnswer', () => {
  it('says words without markup and names code', () => {
    assert.equal(
      spokenAnswer('Use **this**:\n\n```py\na = 1\nb = 2\n```\n\n- one\n- two'),
      'Answer: Use this:\npy code, 2 lines.\none\ntwo',
    );
  });

  it('says the beginning of a long answer', () => {
    const spoken = spokenAnswer('word '.repeat(1000));
    assert.ok(spoken.length < 1100);
    assert.match(spoken, /word… The answer goes on/);
  });
});
