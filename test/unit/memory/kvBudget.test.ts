import assert from 'node:assert/strict';
import { AnchorCache } from '../../../src/engine/anchorCache.ts';
import { KvBudget } from '../../../src/memory/kvBudget.ts';
import { AnchorageError } from '../../../src/protocol/errors.ts';

const shape = { num_hidden_layers: 3, num_key_value_heads: 2, head_dim: 4, rope_theta: 10_000, rope_scaling: null };

function append(cache: AnchorCache, count: number): void {
  const tokens = Array.from({ length: count }, (_, i) => {
    return { id: 0, position: cache.rows + i, sequence: 1, anchor: false, kept: true, alone: false };
  });
  const values = Float32Array.from({ length: 2 * cache.layers * count * cache.width }, (_, i) => i);
  cache.append(values, tokens);
}

describe('the memory budget', () => {
  it('is shared by caches, counts what they reserve, and is given back', () => {
    const budget = new KvBudget(100_000, 1000);
    const [one, two] = [new AnchorCache(shape, budget), new AnchorCache(shape, budget)];
    append(one, 100);
    append(two, 50);
    assert.ok(budget.used >= 1000 + 150 * one.bytesPerRow);
    one.truncate(0);
    one.trim();
    two.truncate(10);
    two.trim();
    assert.equal(budget.used, 1000 + 10 * two.bytesPerRow);
    assert.ok(budget.largest <= budget.limit);
  });

  it('is given back where something else lacks it, and only there', () => {
    const budget = new KvBudget(30_000);
    const cache = new AnchorCache(shape, budget);
    append(cache, 100);
    cache.truncate(40);
    const { used } = budget;
    const free = Math.floor(budget.available / cache.bytesPerRow);
    cache.trim(free);
    assert.equal(budget.used, used);
    cache.trim(free + 1);
    assert.equal(budget.used, 40 * cache.bytesPerRow);
  });

  it('is never exceeded: the cache that would keeps what it has, and the error names the setting', () => {
    const budget = new KvBudget(50_000);
    const cache = new AnchorCache(shape, budget);
    while (cache.rows < 120) append(cache, 7);
    const { rows, free } = cache;
    const before = cache.copyRows(0, rows);
    assert.ok(rows > 100);
    assert.throws(
      () => append(cache, free + 30),
      (error) => AnchorageError.is(error, 'outOfMemory') && error.remedy.includes('anchorage.memory.budgetMB'),
    );
    assert.equal(cache.rows, rows);
    assert.deepEqual(cache.copyRows(0, rows), before);
    append(cache, free);
    assert.ok(budget.largest <= budget.limit);
    assert.ok(
      cache.rows * cache.bytesPerRow > 0.8 * budget.limit,
      'and most of it can be used, though of six arenas one is there twice for a moment',
    );
  });

  it('has room for what a cache says is free, at any fill', () => {
    const budget = new KvBudget(30_000);
    const cache = new AnchorCache(shape, budget);
    for (let step = 1; cache.free > 0; step++) append(cache, Math.min(cache.free, step));
    assert.ok(budget.largest <= budget.limit);
  });
});
