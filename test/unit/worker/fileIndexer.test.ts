import assert from 'node:assert/strict';
import { decodeAnchors } from '../../../src/memory/anchorBlob.ts';
import type { AnchorStore } from '../../../src/memory/sessionStore.ts';
import { AnchorageError } from '../../../src/protocol/errors.ts';
import type { FileText } from '../../../src/worker/fileChunks.ts';
import { FileIndexer } from '../../../src/worker/fileIndexer.ts';
import { planTurn } from '../../../src/worker/turnPlan.ts';
import { FakeContext } from './fakeContext.ts';
import { FakeModel } from './fakeModel.ts';

class Anchors implements AnchorStore {
  readonly byKey = new Map<string, Uint8Array>();
  /** Called after each was written. */
  onWrite = (): void => {};

  readAnchors(key: string): Uint8Array | undefined {
    return this.byKey.get(key);
  }

  hasAnchors(key: string): boolean {
    return this.byKey.has(key);
  }

  writeAnchors(key: string, bytes: Uint8Array): void {
    assert.ok(!this.byKey.has(key), 'what is there is not made again');
    this.byKey.set(key, bytes);
    this.onWrite();
  }
}

/** Keeps the contexts that it gives. */
class WatchedModel extends FakeModel {
  readonly contexts: FakeContext[] = [];

  constructor(read = 0) {
    super({ read, write: 0 });
  }

  override createContext(): FakeContext {
    const context = super.createContext();
    this.contexts.push(context);
    return context;
  }

  get sealed(): number {
    return this.contexts.reduce((sum, { readings }) => sum + readings.filter(({ how }) => how === 'seal').length, 0);
  }
}

function file(path: string, lines = 60, symbolLines: number[] = []): FileText {
  const text = Array.from({ length: lines }, (_, i) => `${path}: line ${i}\n`).join('');
  return { path, languageId: 'typescript', startLine: 1, text, symbolLines };
}

/** Keys of the chunks that attaching a file gives. */
async function keysOf(model: FakeModel, attached: FileText): Promise<string[]> {
  const attachments = [{ ...attached, kind: 'file' as const }];
  const { ratio, choice } = model.defaults;
  return (await planTurn(model, { task: 'chat', question: 'Why?', attachments })).chunks.map((chunk) =>
    model.keys.keyOf(model.keys.start, model.encode(chunk), { ratio, choice, independent: true }),
  );
}

const never = new AbortController().signal;

describe('file indexer', () => {
  it('stores the anchors of the chunks that attaching the file gives', async () => {
    const [model, store, indexer] = [new WatchedModel(), new Anchors(), new FileIndexer()];
    const attached = file('a.ts', 60, [20, 41]);
    indexer.add(attached);
    await indexer.run(model, store, never);
    assert.deepEqual([...store.byKey.keys()], await keysOf(model, attached));
    for (const bytes of store.byKey.values()) assert.equal(decodeAnchors(bytes)?.sequence.independent, true);
    assert.equal(indexer.waiting, 0);
    assert.equal(model.contexts[0]?.rows, 0);
  });

  it('reads nothing again that is stored, and of an edited file what is new', async () => {
    const [model, store, indexer] = [new WatchedModel(), new Anchors(), new FileIndexer()];
    const before = file('a.ts');
    indexer.add(before);
    await indexer.run(model, store, never);
    const count = model.sealed;
    indexer.add(before);
    indexer.add({ ...before, text: before.text.replace('line 30\n', 'line thirty\n') });
    await indexer.run(model, store, never);
    assert.ok(model.sealed - count >= 1 && model.sealed - count <= 3, `${model.sealed - count} new`);
  });

  it('takes the newest file first, and one of a path', async () => {
    const [model, store, indexer] = [new WatchedModel(), new Anchors(), new FileIndexer()];
    for (const name of ['a.ts', 'b.ts', 'a.ts']) indexer.add(file(name, 5));
    assert.equal(indexer.waiting, 2);
    await indexer.run(model, store, never);
    assert.deepEqual(
      [...store.byKey.keys()],
      [...(await keysOf(model, file('a.ts', 5))), ...(await keysOf(model, file('b.ts', 5)))],
    );
  });

  it('keeps a bounded number of files and of characters', () => {
    const indexer = new FileIndexer();
    for (let i = 0; i < 200; i++) indexer.add(file(`${i}.ts`, 1));
    assert.equal(indexer.waiting, 64);
    const long = { ...file('long.ts'), text: 'x'.repeat(7_999_990) };
    indexer.add(long);
    assert.equal(indexer.waiting, 1);
    indexer.add({ ...long, path: 'longer.ts', text: 'x'.repeat(8_000_001) });
    assert.equal(indexer.waiting, 1);
    indexer.clear();
    assert.equal(indexer.waiting, 0);
  });

  it('stops at once, and goes on with the chunk that was stopped', async () => {
    const [model, store, indexer] = [new WatchedModel(5), new Anchors(), new FileIndexer()];
    const attached = file('a.ts');
    indexer.add(attached);
    const stop = new AbortController();
    store.onWrite = () => setTimeout(() => stop.abort(), 2);
    await indexer.run(model, store, stop.signal);
    const done = store.byKey.size;
    assert.ok(done >= 1 && done < (await keysOf(model, attached)).length);
    assert.equal(indexer.waiting, 1);
    store.onWrite = () => {};
    await indexer.run(model, store, never);
    assert.deepEqual([...store.byKey.keys()], await keysOf(model, attached));
    assert.ok(model.contexts.every(({ rows }) => rows === 0));
  });

  it('stops when all is cleared', async () => {
    const [model, store, indexer] = [new WatchedModel(5), new Anchors(), new FileIndexer()];
    indexer.add(file('a.ts'));
    store.onWrite = () => indexer.clear();
    await indexer.run(model, store, never);
    assert.equal(store.byKey.size, 1);
  });

  it('begins a file anew with another model', async () => {
    const [store, indexer] = [new Anchors(), new FileIndexer()];
    const attached = file('a.ts');
    const stop = new AbortController();
    store.onWrite = () => stop.abort();
    indexer.add(attached);
    await indexer.run(new WatchedModel(), store, stop.signal);
    const [other, others] = [new WatchedModel(), new Anchors()];
    await indexer.run(other, others, never);
    assert.deepEqual([...others.byKey.keys()], await keysOf(other, attached));
  });

  it('waits while the budget has no room, and does nothing for a model whose chunks see what is before them', async () => {
    class FullModel extends FakeModel {
      override createContext(): FakeContext {
        return new FakeContext(undefined, 100);
      }
    }
    class ChainedModel extends WatchedModel {
      override readonly defaults = { ...new FakeModel({ read: 0, write: 0 }).defaults, independentChunks: false };
    }
    const [store, indexer] = [new Anchors(), new FileIndexer()];
    indexer.add(file('a.ts'));
    await indexer.run(new FullModel({ read: 0, write: 0 }), store, never);
    assert.equal(indexer.waiting, 1);
    await indexer.run(new ChainedModel(), store, never);
    assert.equal(indexer.waiting, 0);
    assert.equal(store.byKey.size, 0);
  });

  it('forgets a file that cannot be read, and goes on with the others', async () => {
    class FailingModel extends WatchedModel {
      override encodeText(text: string): number[] {
        if (text === 'bad.ts') throw new AnchorageError('internal', 'No tokens.');
        return super.encodeText(text);
      }
    }
    const [model, store, indexer] = [new FailingModel(), new Anchors(), new FileIndexer()];
    indexer.add(file('good.ts', 5));
    indexer.add(file('bad.ts', 5));
    await assert.rejects(indexer.run(model, store, never), /No tokens/);
    assert.equal(indexer.waiting, 1);
    await indexer.run(model, store, never);
    assert.equal(store.byKey.size, 1);
  });
});
