import assert from 'node:assert/strict';
import { shares } from '../../../bench/evaluate/shares.ts';

describe('shares of rows', () => {
  const row = (chunk: string, question: string): { chunks: string[]; question: string } => ({
    chunks: [chunk],
    question,
  });

  it('keep neighbours together that read the same chunks', () => {
    const rows = [row('a', '1'), row('a', '2'), row('b', '3'), row('c', '4'), row('c', '5'), row('a', '6')];
    const questions = shares(rows, 2).map((share) => share.map(({ question }) => question));
    assert.deepEqual(questions, [['1', '2'], ['3'], ['4', '5'], ['6']]);
  });

  it('leave no process without work where all read the same', () => {
    const rows = Array.from({ length: 7 }, (_, i) => row('a', String(i)));
    assert.deepEqual(
      shares(rows, 3).map(({ length }) => length),
      [3, 3, 1],
    );
    const bare = [{ prompt: 'a' }, { prompt: 'b' }, { prompt: 'c' }, { prompt: 'd' }];
    assert.deepEqual(
      shares(bare, 2).map(({ length }) => length),
      [2, 2],
    );
    assert.deepEqual(shares([], 2), []);
  });
});
