import assert from 'node:assert/strict';
import { isSeparatorText, keptRows, sinkRows } from '../../../src/engine/keptRows.ts';

describe('rows that controls keep', () => {
  it('are the last ones, after the sinks', () => {
    assert.deepEqual(keptRows(10, 3, 0, { keep: 'recent' }), [7, 8, 9]);
    assert.deepEqual(keptRows(10, 5, 2, { keep: 'recent' }), [0, 1, 7, 8, 9]);
  });

  it('are the last separators, and then the last others', () => {
    const separators = new Set([0, 2, 5, 6]);
    const by = { keep: 'separators', isSeparator: (row: number) => separators.has(row) } as const;
    assert.deepEqual(keptRows(10, 3, 0, by), [2, 5, 6]);
    assert.deepEqual(keptRows(10, 6, 0, by), [0, 2, 5, 6, 8, 9]);
    assert.deepEqual(keptRows(10, 4, 2, by), [0, 1, 5, 6], 'a sink is not kept twice');
  });

  it('are those with the highest scores, of equals the earlier', () => {
    const by = { keep: 'attention', scores: [9, 1, 5, 5, 7, 5] } as const;
    assert.deepEqual(keptRows(6, 3, 0, by), [0, 2, 4]);
    assert.deepEqual(keptRows(6, 3, 2, by), [0, 1, 4]);
  });

  it('are drawn at random: the same by a seed, each as often as any other over many', () => {
    const drawn = (seed: number): number[] => keptRows(10, 4, 0, { keep: 'random', seed });
    assert.deepEqual(drawn(3), drawn(3));
    const counts = new Array<number>(10).fill(0);
    for (let seed = 0; seed < 2000; seed++) for (const row of drawn(seed)) counts[row] = (counts[row] ?? 0) + 1;
    // 800 are expected of each; the standard deviation is 22.
    for (const [row, count] of counts.entries()) assert.ok(Math.abs(count - 800) < 110, `row ${row}: ${count}`);
  });

  it('are all where the budget allows it, and never more than the budget', () => {
    const ways = [
      { keep: 'recent' },
      { keep: 'separators', isSeparator: () => true },
      { keep: 'attention', scores: [3, 1, 2, 0] },
      { keep: 'random', seed: 1 },
    ] as const;
    for (const by of ways) {
      for (const sinks of [0, 1, 4]) {
        assert.deepEqual(keptRows(4, 4, sinks, by), [0, 1, 2, 3]);
        assert.deepEqual(keptRows(4, 9, sinks, by), [0, 1, 2, 3]);
        for (const budget of [0, 1, 2, 3]) assert.equal(keptRows(4, budget, sinks, by).length, budget);
      }
      assert.deepEqual(keptRows(0, 3, 2, by), []);
    }
  });

  it('have four sinks where no prefix is pinned, or half of a small budget', () => {
    assert.deepEqual([0, 1, 5, 8, 100].map(sinkRows), [0, 0, 2, 4, 4]);
  });
});

describe('separator tokens', () => {
  it('are made of punctuation that ends a segment, and of white space', () => {
    for (const text of ['.', ',', ';', ':', '!', '?', '\n', '\t', ' ', ' .', ';\n', '\n   ', '...']) {
      assert.ok(isSeparatorText(text), JSON.stringify(text));
    }
    for (const text of ['', 'a', ' a', 'a.', '(', '-', '"', '1.', '()', '\ufffd']) {
      assert.ok(!isSeparatorText(text), JSON.stringify(text));
    }
  });
});
