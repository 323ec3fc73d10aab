import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import {
  askRequest,
  createSessionRequest,
  diagnoseRequest,
  loadModelRequest,
  openSessionRequest,
} from '../../../src/protocol/worker.ts';
import { FallbackSessionStore } from '../../../src/memory/fallbackSessionStore.ts';
import { MemorySessionStore } from '../../../src/memory/memorySessionStore.ts';
import type { StoredSession } from '../../../src/memory/sessionStore.ts';
import { Sessions } from '../../../src/worker/sessions.ts';
import { turn, withFolder } from '../memory/memoryFixtures.ts';
import { FakeModel } from './fakeModel.ts';
import { fakeLoad, question, withWorker } from './workerFixtures.ts';

class CountingStore extends MemorySessionStore {
  reads = 0;

  override read(id: string): StoredSession | undefined {
    this.reads++;
    return super.read(id);
  }
}

describe('storage of a worker', function () {
  this.timeout(30_000);

  it('is told of when it fails and when it works again, and has everything in the end', () =>
    withFolder(async (storageFolder) => {
      const told: (string | null)[] = [];
      const listener = { onStorageChanged: ({ problem }: { problem: string | null }) => told.push(problem) };
      let id = '';
      let answered: readonly unknown[] = [];
      await withWorker({ storageFolder, listener }, async (worker) => {
        await worker.request(loadModelRequest, fakeLoad);
        ({ id } = await worker.request(createSessionRequest, { ephemeral: false }));
        const storage = async (): Promise<unknown> => {
          const { checks } = await worker.request(diagnoseRequest, {});
          return checks.find(({ name }) => name === 'Storage')?.ok;
        };
        assert.equal(await storage(), true);
        const lock = new DatabaseSync(join(storageFolder, 'sessions.sqlite'));
        lock.exec('BEGIN IMMEDIATE');
        const first = await worker.request(askRequest, question(id, 'one'));
        assert.equal(await storage(), false);
        assert.equal(told.length, 1);
        assert.match(told[0] ?? '', /locked/);
        lock.close();
        const second = await worker.request(askRequest, question(id, 'two'));
        assert.equal(await storage(), true);
        assert.deepEqual(told.slice(1), [null]);
        answered = [first.exchange, second.exchange];
      });
      await withWorker({ storageFolder }, async (worker) => {
        const { exchanges } = await worker.request(openSessionRequest, { sessionId: id });
        assert.deepEqual(exchanges, answered);
      });
    }));

  it('is read once for a session, not again at every turn', () => {
    const store = new CountingStore();
    const sessions = new Sessions(new FallbackSessionStore(store, (problem) => assert.fail(String(problem))));
    const model = new FakeModel({ read: 0, write: 0 });
    const { id } = sessions.create(false, model);
    sessions.open(id, model);
    store.reads = 0;
    for (const name of ['a', 'b', 'c']) {
      sessions.title(id);
      sessions.open(id, model);
      sessions.append(id, turn(name));
      assert.ok(sessions.has(id));
    }
    assert.equal(store.reads, 0);
    assert.equal(sessions.read(id).exchanges.length, 3);
  });
});
