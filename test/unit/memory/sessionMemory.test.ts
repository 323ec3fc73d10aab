import assert from 'node:assert/strict';
import { memoryView } from '../../../src/memory/memoryView.ts';
import { AnchorageError } from '../../../src/protocol/errors.ts';
import { encodeFake } from '../worker/fakeModel.ts';
import { ask, budget, choicesOf, chunk, exchange, MapStore, open, statesOf } from './sessionMemoryFixtures.ts';

describe('session memory', () => {
  it('seals a chunk at once by stride, keeps the exchange live, and seals both by the preferred choice in idle time', async () => {
    const { memory, context, seal } = open(new MapStore());
    await ask(memory, 'one');
    assert.deepEqual(choicesOf(memory), ['stride', 'stride']);
    assert.deepEqual(statesOf(memory), ['live', 'anchored', 'live']);
    const whole = context.rows;
    await seal();
    assert.deepEqual(choicesOf(memory), ['window', 'window']);
    assert.deepEqual(statesOf(memory), ['live', 'anchored', 'anchored']);
    assert.ok(context.rows < whole);
    assert.equal(context.rowsFull, context.textTokens);
    const read = context.readings.length;
    await seal();
    assert.equal(context.readings.length, read);
  });

  it('counts its view from the cache', async () => {
    const { memory, context } = open(new MapStore());
    await ask(memory, 'one');
    const view = memoryView('s', memory, budget);
    assert.equal(view.kvRows, context.rows);
    assert.equal(
      view.sequences.reduce((sum, { rows }) => sum + rows, 0),
      context.rows,
    );
    assert.equal(view.kvBytes, context.rows * context.bytesPerRow);
    assert.equal(view.kvBytesFull, memory.textTokens * context.bytesPerRow);
  });

  it('finishes by stride what a new question finds unsealed', async () => {
    const { memory, context } = open(new MapStore());
    await ask(memory, 'one');
    await memory.settle();
    assert.deepEqual(choicesOf(memory), ['stride', 'stride']);
    assert.deepEqual(context.readings.at(-1), {
      how: 'seal',
      tokens: encodeFake({ ...exchange, question: 'one' }).length,
      choice: 'stride',
    });
  });

  it('reads chunks in a context of their own when idle, so that a question that stops it finds the session whole', async () => {
    const { memory, context, scratches, seal } = open(new MapStore());
    await ask(memory, 'one');
    const stopped = new AbortController();
    const sealing = context.seal.bind(context);
    context.seal = (tokens, options) => {
      stopped.abort();
      return sealing(tokens, options);
    };
    await assert.rejects(seal(stopped.signal), (error) => AnchorageError.is(error, 'cancelled'));
    assert.deepEqual(
      scratches.flatMap(({ readings }) => readings.map(({ how, choice }) => [how, choice])),
      [['seal', 'window']],
    );
    context.seal = sealing;
    const before = context.readings.length;
    await memory.settle();
    assert.deepEqual(
      context.readings.slice(before).map(({ how, choice }) => [how, choice]),
      [['seal', 'stride']],
      'the chunk is there; the exchange is sealed in haste',
    );
    await seal();
    assert.deepEqual(choicesOf(memory), ['window', 'window']);
  });

  it('is restored from the store without reading anything', async () => {
    const store = new MapStore();
    const first = open(store);
    for (const name of ['one', 'two']) {
      await ask(first.memory, name);
      await first.seal();
    }
    const again = open(store, { sequences: first.memory.sequences });
    assert.equal(
      again.memory.unplacedTokens,
      first.memory.sequences.reduce((sum, { tokens }) => sum + tokens, 0),
    );
    await again.memory.settle();
    assert.deepEqual(
      again.context.readings.map(({ how }) => how),
      ['import', 'import', 'import', 'import'],
    );
    assert.equal(again.context.rows, first.context.rows);
    assert.deepEqual(again.memory.sequences, first.memory.sequences);
  });

  it('reads the text again for another model, and where anchors are damaged or gone', async () => {
    const store = new MapStore();
    const first = open(store);
    await ask(first.memory, 'one');
    await first.seal();
    const { sequences } = first.memory;
    const other = open(store, { sequences, model: 'another' });
    await other.memory.settle();
    assert.deepEqual(
      other.context.readings.map(({ how, choice }) => [how, choice]),
      [
        ['seal', 'stride'],
        ['seal', 'stride'],
      ],
    );
    assert.equal(other.memory.sequences[0]?.anchorKey, null);

    for (const key of store.anchors.keys()) store.anchors.set(key, Uint8Array.of(255, 0, 0, 0, 1));
    const damaged = open(store, { sequences });
    await damaged.memory.settle();
    assert.deepEqual(
      damaged.context.readings.map(({ how }) => how),
      ['seal', 'seal'],
    );
  });

  it('takes a chunk that another session has sealed from the store, wherever it stands', async () => {
    const store = new MapStore();
    const first = open(store);
    await ask(first.memory, 'same file');
    await first.seal();
    const second = open(store);
    await ask(second.memory, 'other');
    await ask(second.memory, 'same file');
    const chunks = second.memory.sequences.filter(({ text }) => text.kind === 'chunk');
    assert.deepEqual(
      chunks.map(({ choice }) => choice),
      ['stride', 'window'],
    );
  });

  it('makes an exchange’s anchors again where they have no key, and not from those that followed something else', async () => {
    const store = new MapStore();
    const first = open(store);
    await ask(first.memory, 'one');
    await first.seal();
    const [, followed] = first.memory.sequences;
    assert.ok(followed !== undefined);
    const alone = open(store, { sequences: [{ ...followed, anchorKey: null }] });
    await alone.memory.settle();
    assert.equal(alone.context.readings[0]?.how, 'seal');
  });

  it('keeps stride anchors too where stride is preferred', async () => {
    const store = new MapStore();
    const { memory } = open(store, { choice: 'stride' });
    await ask(memory, 'one');
    await memory.settle();
    assert.equal(store.anchors.size, 2);
    assert.ok(memory.sequences.every(({ anchorKey }) => anchorKey !== null && store.anchors.has(anchorKey)));
  });

  it('goes back to what was before a turn that failed', async () => {
    const { memory, context } = open(new MapStore());
    await ask(memory, 'one');
    await memory.settle();
    const before = memoryView('s', memory, budget);
    const { sequences } = memory;
    memory.addChunks([{ id: 'chunk two', text: chunk }]);
    await memory.settle();
    await context.read([1, 2], { logits: 'last' });
    memory.follow(sequences);
    assert.deepEqual(memoryView('s', memory, budget), before);
  });

  it('keeps the anchors before a branch when it goes over to another one', async () => {
    const store = new MapStore();
    const { memory, context, seal } = open(store);
    for (const name of ['one', 'two']) {
      await ask(memory, name);
      await seal();
    }
    const whole = memory.sequences;
    const before = context.readings.length;
    memory.follow(whole.slice(0, 2));
    assert.equal(context.sequences.length, 2);
    memory.follow(whole);
    await memory.settle();
    assert.deepEqual(
      context.readings.slice(before).map(({ how }) => how),
      ['import', 'import'],
    );
  });

  it('reads sequences again for one answer, and drops them with it', async () => {
    const { memory, context, seal } = open(new MapStore());
    await ask(memory, 'one');
    await seal();
    const rows = context.rows;
    memory.setWanted('chunk one', true);
    assert.ok(memoryView('s', memory, budget).sequences.some(({ isWanted }) => isWanted));
    await memory.rehydrate([memory.sequence('chunk one')]);
    assert.deepEqual(statesOf(memory), ['live', 'rehydrated', 'anchored']);
    assert.equal(context.rows, rows + memory.sequence('chunk one').tokens);
    assert.equal(memory.wanted.size, 0);
    await context.read([1], { logits: 'last' });
    memory.addExchange('exchange two', exchange);
    await memory.settle();
    assert.deepEqual(statesOf(memory), ['live', 'anchored', 'anchored', 'anchored']);
  });

  it('remembers what was salient to questions, to the last ones more', async () => {
    const store = new MapStore();
    const { memory, seal } = open(store);
    await ask(memory, 'one');
    await seal();
    const salience = await memory.readQuestion([1, 2, 3, 4], 2);
    assert.deepEqual([...salience.keys()], ['chunk one', 'exchange one']);
    memory.noteAttention(new Map([['chunk one', 3]]));
    memory.noteAttention(new Map([['chunk one', 0]]));
    assert.deepEqual(
      memory.sequences.map(({ attention }) => attention),
      [1.12, 1],
    );
    assert.equal(store.holdings.get('chunk one')?.attention, 1, 'nothing is written while an answer is waited for');
    await seal();
    assert.equal(store.holdings.get('chunk one')?.attention, 1.12);
  });
});
