import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { FallbackSessionStore } from '../../../src/memory/fallbackSessionStore.ts';
import { MemorySessionStore } from '../../../src/memory/memorySessionStore.ts';
import { SqliteSessionStore } from '../../../src/memory/sqliteSessionStore.ts';
import { AnchorageError } from '../../../src/protocol/errors.ts';
import { turn, withFolder } from './memoryFixtures.ts';

const session = { id: 's1', title: '', createdAt: 500 };

/** A store on a full disk, as long as `isFull`. */
class FullStore extends MemorySessionStore {
  isFull = true;

  override create(...args: Parameters<MemorySessionStore['create']>): void {
    this.#write(() => super.create(...args));
  }

  override appendTurn(...args: Parameters<MemorySessionStore['appendTurn']>): void {
    this.#write(() => super.appendTurn(...args));
  }

  override writeAnchors(): void {
    this.#write(() => super.writeAnchors());
  }

  #write(write: () => void): void {
    if (this.isFull) throw new AnchorageError('storageUnavailable', 'The disk is full.', 'Free some space.');
    write();
  }
}

describe('fallback session store', () => {
  function open(): { store: FallbackSessionStore; full: FullStore; told: (string | null)[] } {
    const full = new FullStore();
    const told: (string | null)[] = [];
    return { full, told, store: new FallbackSessionStore(full, (problem) => told.push(problem)) };
  }

  it('holds what cannot be written, and reads and lists it as if it were', () => {
    const { store, full } = open();
    full.isFull = false;
    store.create(session);
    store.appendTurn('s1', turn('a'));
    full.isFull = true;
    store.appendTurn('s1', turn('b', 2000));
    store.create({ ...session, id: 's2' });
    store.appendTurn('s2', turn('c', 3000));
    store.create({ ...session, id: 's3' });
    assert.deepEqual(
      store.read('s1')?.exchanges.map(({ id }) => id),
      ['exchange a', 'exchange b'],
    );
    assert.deepEqual(
      store.list().map(({ id, title, exchanges }) => [id, title, exchanges]),
      [
        ['s2', 'About c', 1],
        ['s1', 'About b', 2],
      ],
    );
    assert.deepEqual(
      ['s1', 's2', 's3', 's4'].map((id) => store.title(id)),
      ['About b', 'About c', '', undefined],
    );
    store.delete('s2');
    assert.equal(store.read('s2'), undefined);
  });

  it('tells once that writing fails, and once that all is written', () => {
    const { store, full, told } = open();
    store.create(session);
    store.appendTurn('s1', turn('a'));
    assert.equal(told.length, 1);
    assert.match(told[0] ?? '', /^The disk is full\. .* Free some space\.$/);
    assert.equal(store.problem, told[0]);
    full.isFull = false;
    store.writeHeld();
    assert.deepEqual(told.slice(1), [null]);
    assert.equal(store.problem, null);
    assert.deepEqual(full.read('s1')?.exchanges, [turn('a').exchange]);
  });

  it('does not try to write anchors while turns are held', () => {
    const { store, full } = open();
    let tries = 0;
    full.writeAnchors = () => {
      tries++;
    };
    const [sequence] = turn('a').sequences;
    assert.ok(sequence !== undefined);
    store.create(session);
    store.writeAnchors(sequence, Uint8Array.of(1));
    assert.equal(tries, 0);
    full.isFull = false;
    store.writeHeld();
    store.writeAnchors(sequence, Uint8Array.of(1));
    assert.equal(tries, 1);
  });

  it('writes what is held with the next turn of its session, in order', () => {
    const { store, full } = open();
    store.create(session);
    store.appendTurn('s1', turn('a'));
    full.isFull = false;
    store.appendTurn('s1', turn('b', 2000));
    assert.deepEqual(
      full.read('s1')?.exchanges.map(({ id }) => id),
      ['exchange a', 'exchange b'],
    );
    assert.deepEqual(store.read('s1'), full.read('s1'));
  });

  it('lets a session go that another process has deleted meanwhile', () => {
    const { store, full } = open();
    full.isFull = false;
    store.create(session);
    full.isFull = true;
    store.appendTurn('s1', turn('a'));
    full.isFull = false;
    full.delete('s1');
    store.writeHeld();
    assert.equal(store.problem, null);
    assert.equal(store.read('s1'), undefined);
  });

  it('has everything on disk at the end that a locked file did not take at first', () =>
    withFolder(async (folder) => {
      const file = join(folder, 'sessions.sqlite');
      const store = new FallbackSessionStore(await SqliteSessionStore.open(folder, file), () => {});
      store.create(session);
      store.appendTurn('s1', turn('a'));
      const lock = new DatabaseSync(file);
      lock.exec('BEGIN IMMEDIATE');
      store.appendTurn('s1', turn('b'));
      assert.match(store.problem ?? '', new RegExp(`${folder}.*locked.*Another program`));
      lock.exec('ROLLBACK');
      lock.close();
      const before = store.read('s1');
      assert.equal(before?.exchanges.length, 2);
      store.close();
      const again = await SqliteSessionStore.open(folder, file);
      assert.deepEqual(again.read('s1'), before);
      again.close();
    })).timeout(15_000);
});
