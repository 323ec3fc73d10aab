import assert from 'node:assert/strict';
import { AnchorKeys } from '../../../src/memory/anchorKey.ts';
import { memoryView } from '../../../src/memory/memoryView.ts';
import { SessionMemory } from '../../../src/memory/sessionMemory.ts';
import type { SessionSequence } from '../../../src/memory/sessionSequence.ts';
import type { AnchorStore } from '../../../src/memory/sessionStore.ts';
import type { Choice } from '../../../src/protocol/anchorConfig.ts';
import { AnchorageError } from '../../../src/protocol/errors.ts';
import { FakeContext } from '../worker/fakeContext.ts';
import { encodeFake, fakeDefaults } from '../worker/fakeModel.ts';

const chunk = {
  kind: 'chunk',
  path: 'a.ts',
  languageId: 'ts',
  startLine: 1,
  endLine: 9,
  text: 'x'.repeat(150),
} as const;
const exchange = { kind: 'exchange', question: 'What?', answer: 'That. '.repeat(20) } as const;
const never = new AbortController().signal;

class MapStore implements AnchorStore {
  readonly anchors = new Map<string, Uint8Array>();

  readAnchors(key: string): Uint8Array | undefined {
    return this.anchors.get(key);
  }

  writeAnchors({ anchorKey }: SessionSequence, bytes: Uint8Array): void {
    assert.ok(anchorKey !== null);
    this.anchors.set(anchorKey, bytes);
  }
}

function open(
  store: AnchorStore,
  {
    sequences = [],
    model = 'fake',
    choice = 'window',
  }: { sequences?: readonly SessionSequence[]; model?: string; choice?: Choice } = {},
): { memory: SessionMemory; context: FakeContext } {
  const context = new FakeContext();
  const defaults = { ...fakeDefaults, choice };
  const keys = new AnchorKeys(model, context.pinned);
  return { context, memory: new SessionMemory({ context, keys, store, defaults, encode: encodeFake, sequences }) };
}

/** A turn with an attached file, as the worker runs one. */
async function ask(memory: SessionMemory, name: string): Promise<void> {
  await memory.settle();
  await memory.addChunk(`chunk ${name}`, { ...chunk, path: name });
  await memory.context.read(encodeFake(exchange), { logits: 'last' });
  memory.addExchange(`exchange ${name}`, { ...exchange, question: name });
}

const choicesOf = (memory: SessionMemory): string[] => memory.sequences.map(({ choice }) => choice);
const statesOf = (memory: SessionMemory): string[] => memoryView('s', memory).sequences.map(({ state }) => state);

describe('session memory', () => {
  it('seals a chunk at once by stride, keeps the exchange live, and seals both by the preferred choice in idle time', async () => {
    const { memory, context } = open(new MapStore());
    await ask(memory, 'one');
    assert.deepEqual(choicesOf(memory), ['stride', 'stride']);
    assert.deepEqual(statesOf(memory), ['live', 'anchored', 'live']);
    const whole = context.rows;
    await memory.sealInIdle(never);
    assert.deepEqual(choicesOf(memory), ['window', 'window']);
    assert.deepEqual(statesOf(memory), ['live', 'anchored', 'anchored']);
    assert.ok(context.rows < whole);
    assert.equal(context.rowsFull, context.textTokens);
    const read = context.readings.length;
    await memory.sealInIdle(never);
    assert.equal(context.readings.length, read);
  });

  it('counts its view from the cache', async () => {
    const { memory, context } = open(new MapStore());
    await ask(memory, 'one');
    const view = memoryView('s', memory);
    assert.equal(view.kvRows, context.rows);
    assert.equal(
      view.sequences.reduce((sum, { rows }) => sum + rows, 0),
      context.rows,
    );
    assert.equal(view.kvBytes, context.rows * context.bytesPerRow);
    assert.equal(view.kvBytesFull, context.textTokens * context.bytesPerRow);
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

  it('puts chunks back when idle work is stopped, without reading them again', async () => {
    const { memory, context } = open(new MapStore());
    await ask(memory, 'one');
    const stopped = new AbortController();
    const seal = context.seal.bind(context);
    context.seal = (tokens, options) => {
      stopped.abort();
      return seal(tokens, options);
    };
    await assert.rejects(memory.sealInIdle(stopped.signal), (error) => AnchorageError.is(error, 'cancelled'));
    assert.deepEqual(statesOf(memory), ['live', 'spilled', 'spilled']);
    context.seal = seal;
    const before = context.readings.length;
    await memory.settle();
    assert.deepEqual(
      context.readings.slice(before).map(({ how, choice }) => [how, choice]),
      [
        ['import', 'stride'],
        ['seal', 'stride'],
      ],
    );
    await memory.sealInIdle(never);
    assert.deepEqual(choicesOf(memory), ['window', 'window']);
  });

  it('is restored from the store without reading anything', async () => {
    const store = new MapStore();
    const first = open(store);
    for (const name of ['one', 'two']) {
      await ask(first.memory, name);
      await first.memory.sealInIdle(never);
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
    await first.memory.sealInIdle(never);
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
    await first.memory.sealInIdle(never);
    const second = open(store);
    await ask(second.memory, 'other');
    await ask(second.memory, 'same file');
    const chunks = second.memory.sequences.filter(({ text }) => text.kind === 'chunk');
    assert.deepEqual(
      chunks.map(({ choice }) => choice),
      ['stride', 'window'],
    );
  });

  it('does not take an exchange that followed something else', async () => {
    const store = new MapStore();
    const first = open(store);
    await ask(first.memory, 'one');
    await first.memory.sealInIdle(never);
    const [, followed] = first.memory.sequences;
    assert.ok(followed !== undefined);
    const alone = open(store, { sequences: [followed] });
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

  it('rolls a failed turn back to what was before', async () => {
    const { memory, context } = open(new MapStore());
    await ask(memory, 'one');
    await memory.settle();
    const before = memoryView('s', memory);
    await memory.addChunk('chunk two', chunk);
    await context.read([1, 2], { logits: 'last' });
    memory.rollBack(2);
    assert.deepEqual(memoryView('s', memory), before);
  });
});
