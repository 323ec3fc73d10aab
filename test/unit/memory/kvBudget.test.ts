import assert from 'node:assert/strict';
import { AnchorCache } from '../../../src/engine/anchorCache.ts';
import { KvArenas } from '../../../src/engine/kvArenas.ts';
import { KvBudget } from '../../../src/memory/kvBudget.ts';
import { AnchorageError } from '../../../src/protocol/errors.ts';

const shape = { num_hidden_layers: 3, num_key_value_heads: 2, head_dim: 4, rope_theta: 10_000, rope_scaling: null };

async function append(cache: AnchorCache, count: number): Promise<void> {
  const tokens = Array.from({ length: count }, (_, i) => {
    return { id: 0, position: cache.rows + i, sequence: 1, anchor: false, kept: true, alone: false };
  });
  const values = Float32Array.from({ length: 2 * cache.layers * count * cache.width }, (_, i) => i);
  await cache.append(values, tokens);
}

describe('the memory budget', () => {
  it('is shared by caches, counts what they reserve, and is given back', async () => {
    const budget = new KvBudget(100_000, 1000);
    const [one, two] = [
      new AnchorCache(shape, new KvArenas(shape, 'float32'), budget),
      new AnchorCache(shape, new KvArenas(shape, 'float32'), budget),
    ];
    await append(one, 100);
    await append(two, 50);
    assert.ok(budget.used >= 1000 + 150 * one.bytesPerRow);
    one.truncate(0);
    await one.trim();
    two.truncate(10);
    await two.trim();
    assert.equal(budget.used, 1000 + 10 * two.bytesPerRow);
    assert.ok(budget.largest <= budget.limit);
  });

  it('is given back where something else lacks it, and only there', async () => {
    const budget = new KvBudget(30_000);
    const cache = new AnchorCache(shape, new KvArenas(shape, 'float32'), budget);
    await append(cache, 100);
    cache.truncate(40);
    const { used } = budget;
    const free = Math.floor(budget.available / cache.bytesPerRow);
    await cache.trim(free);
    assert.equal(budget.used, used);
    await cache.trim(free + 1);
    assert.equal(budget.used, 40 * cache.bytesPerRow);
  });

  it('is never exceeded: the cache that would keeps what it has, and the error names the setting', async () => {
    const budget = new KvBudget(50_000);
    const cache = new AnchorCache(shape, new KvArenas(shape, 'float32'), budget);
    while (cache.rows < 120) await append(cache, 7);
    const { rows, free } = cache;
    const before = await cache.copyRows(0, rows);
    assert.ok(rows > 100);
    await assert.rejects(
      append(cache, free + 30),
      (error) => AnchorageError.is(error, 'outOfMemory') && error.remedy.includes('anchorage.memory.budgetMB'),
    );
    assert.equal(cache.rows, rows);
    assert.deepEqual(await cache.copyRows(0, rows), before);
    await append(cache, free);
    assert.ok(budget.largest <= budget.limit);
    assert.ok(
      cache.rows * cache.bytesPerRow > 0.8 * budget.limit,
      'and most of it can be used, though of six arenas one is there twice for a moment',
    );
  });

  it('has room for what a cache says is free, at any fill', async () => {
    const budget = new KvBudget(30_000);
    const cache = new AnchorCache(shape, new KvArenas(shape, 'float32'), budget);
    for (let step = 1; cache.free > 0; step++) await append(cache, Math.min(cache.free, step));
    assert.ok(budget.largest <= budget.limit);
  });
});
