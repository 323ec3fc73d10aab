import assert from 'node:assert/strict';
import { ask, chunk, MapStore, open, spilledOf, statesOf } from './sessionMemoryFixtures.ts';

describe('session memory inside its room', () => {
  it('spills the least useful first, never what is pinned, and goes on in the same order', async () => {
    const store = new MapStore();
    const { memory, context, seal } = open(store, { capacity: 400 });
    for (const name of ['one', 'two', 'three', 'four']) {
      await ask(memory, name);
      await seal();
    }
    memory.setPinned('chunk one', true);
    const rows = context.rows;
    await memory.fit(context.room + 15);
    assert.ok(context.rows <= rows - 15);
    assert.deepEqual(spilledOf(memory), ['exchange one', 'chunk two']);
    assert.deepEqual(store.holdings.get('chunk two')?.spilled, true);
    assert.deepEqual(statesOf(memory).slice(1, 4), ['anchored', 'spilled', 'spilled']);
    await ask(memory, 'five');
    assert.equal(statesOf(memory).at(-1), 'live');
    await memory.fit(10_000);
    assert.deepEqual(
      memory.sequences.filter(({ spilled }) => !spilled).map(({ id }) => id),
      ['chunk one'],
    );
  });

  it('lets other sessions go before anything is spilled', async () => {
    const { memory, context } = open(new MapStore(), { capacity: 200, makeWay: () => others-- > 0 });
    let others = 3;
    await ask(memory, 'one');
    await memory.fit(context.room + 500);
    assert.equal(others, -1);
  });

  it('leaves on disk what no late exchange used, beyond the rows that it is to hold', async () => {
    const store = new MapStore();
    const { memory, context, seal } = open(store, { heldRows: 40 });
    const turns = Array.from({ length: 20 }, (_, index) => `turn ${index}`);
    for (const name of turns) {
      await memory.fit(0);
      await ask(memory, name);
      await seal();
    }
    const spilled = spilledOf(memory);
    const late = turns.slice(-8).flatMap((name) => [`chunk ${name}`, `exchange ${name}`]);
    assert.ok(spilled.length > 0);
    assert.deepEqual(
      spilled.filter((id) => late.includes(id)),
      [],
    );
    assert.deepEqual(
      spilled,
      memory.sequences.slice(0, spilled.length).map(({ id }) => id),
      'the oldest',
    );
    const again = open(store, { sequences: memory.sequences, heldRows: 40 });
    await again.seal();
    assert.equal(again.context.rows, context.rows);
    assert.ok(again.context.readings.length > 0);
    assert.ok(
      again.context.readings.every(({ how }) => how === 'import'),
      'what was sealed is not read again',
    );
    assert.deepEqual(again.scratches, []);
  });

  it('spills nothing where that makes no room', async () => {
    const { memory } = open(new MapStore(), { capacity: 300, canSpill: false });
    await ask(memory, 'one');
    await memory.fit(10_000);
    assert.deepEqual(spilledOf(memory), []);
  });

  it('never reads what was spilled before it was read', async () => {
    const { memory, context } = open(new MapStore(), { capacity: 100 });
    const chunks = Array.from({ length: 10 }, (_, i) => ({ id: `${i}`, text: { ...chunk, path: `${i}.ts` } }));
    memory.addChunks(chunks);
    await memory.fit(30);
    const spilled = spilledOf(memory);
    assert.ok(spilled.length >= 6);
    await memory.settle();
    assert.equal(context.readings.length, 10 - spilled.length);
    assert.ok(context.room >= 30);
  });

  it('holds older sequences at a higher ratio in idle time, from their text, once its room is nearly full', async () => {
    const store = new MapStore();
    const { memory, context, seal } = open(store, { capacity: 190 });
    for (const name of ['one', 'two', 'three', 'four']) {
      await ask(memory, name);
      await seal();
    }
    assert.deepEqual(spilledOf(memory), []);
    const ratios = memory.sequences.map(({ ratio }) => ratio);
    assert.equal(ratios[0], 16);
    assert.equal(ratios.at(-1), 8);
    assert.deepEqual(
      ratios,
      [...ratios].sort((a, b) => b - a),
      'the oldest first',
    );
    const again = open(store, { sequences: memory.sequences, capacity: 190 });
    await again.memory.settle();
    assert.ok(again.context.readings.every(({ how }) => how === 'import'));
    assert.equal(again.context.rows, context.rows);
  });
});
