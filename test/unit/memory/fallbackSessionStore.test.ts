import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { FallbackSessionStore } from '../../../src/memory/fallbackSessionStore.ts';
import { MemorySessionStore } from '../../../src/memory/memorySessionStore.ts';
import { SqliteSessionStore } from '../../../src/memory/sqliteSessionStore.ts';
import { AnchorageError } from '../../../src/protocol/errors.ts';
import { newHolding, turn, withFolder } from './memoryFixtures.ts';

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

  override writeHoldings(...args: Parameters<MemorySessionStore['writeHoldings']>): void {
    this.#write(() => super.writeHoldings(...args));
  }

  override rename(...args: Parameters<MemorySessionStore['rename']>): void {
    this.#write(() => super.rename(...args));
  }

  override selectHead(...args: Parameters<MemorySessionStore['selectHead']>): void {
    this.#write(() => super.selectHead(...args));
  }

  override forget(...args: Parameters<MemorySessionStore['forget']>): void {
    this.#write(() => super.forget(...args));
  }

  override importSession(...args: Parameters<MemorySessionStore['importSession']>): void {
    this.#write(() => super.importSession(...args));
  }

  override delete(...args: Parameters<MemorySessionStore['delete']>): void {
    this.#write(() => super.delete(...args));
  }

  #write(write: () => void): void {
    if (this.isFull) throw new AnchorageError('storageUnavailable', 'The disk is full.', 'Free some space.');
    write();
  }
}

describe('fallback session store', function () {
  this.timeout(20_000);

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
    store.create(session);
    store.writeAnchors('key', Uint8Array.of(1));
    assert.equal(tries, 0);
    full.isFull = false;
    store.writeHeld();
    store.writeAnchors('key', Uint8Array.of(1));
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

  it('tells once of anchors and holdings that cannot be written, and drops them', () => {
    const { store, full, told } = open();
    full.isFull = false;
    store.create(session);
    store.appendTurn('s1', turn('a'));
    full.isFull = true;
    store.writeHoldings('s1', [{ id: 'chunk a', holding: { ...newHolding, ratio: 16 } }]);
    store.writeAnchors('key', Uint8Array.of(1));
    assert.equal(told.length, 1);
    full.isFull = false;
    store.writeHoldings('s1', [{ id: 'chunk a', holding: { ...newHolding, ratio: 32 } }]);
    assert.deepEqual(told.slice(1), [null]);
    assert.equal(full.read('s1')?.exchanges[0]?.sequences[0]?.ratio, 32);
  });

  it('lets fail what the user would take for done', () => {
    const { store, full } = open();
    full.isFull = false;
    store.create(session);
    store.appendTurn('s1', turn('a'));
    full.isFull = true;
    store.appendTurn('s1', turn('b', 2000, 'exchange a'));
    const before = store.read('s1');
    assert.ok(before !== undefined);
    const isFull = (error: unknown): boolean => AnchorageError.is(error, 'storageUnavailable');
    assert.throws(() => store.rename('s1', 'New'), isFull);
    assert.throws(() => store.forget('s1', 'sequence a', ''), isFull);
    assert.throws(() => store.delete('s1'), isFull);
    assert.throws(() => store.importSession({ ...before, id: 'other' }, new Map()), isFull);
    assert.deepEqual(store.read('s1'), before);
    assert.equal(store.read('other'), undefined);
  });

  it('does with what it holds itself whatever the user wants', () => {
    const { store, full } = open();
    store.create(session);
    store.appendTurn('s1', turn('a'));
    store.appendTurn('s1', turn('b', 2000, 'exchange a'));
    store.rename('s1', 'Named');
    store.selectHead('s1', 'exchange a');
    store.forget('s1', 'sequence b', 'Renamed');
    store.forget('s1', 'chunk a', 'Renamed');
    store.writeHoldings('s1', [{ id: 'sequence a', holding: { ...newHolding, pinned: true } }]);
    assert.deepEqual(store.attachments('exchange a'), []);
    assert.deepEqual(store.attachments('exchange b'), turn('b').attachments);
    assert.deepEqual(
      store.search('fox', 9).map((hit) => [hit.session.id, hit.exchangeId]),
      [['s1', 'exchange a']],
    );
    const held = store.read('s1');
    assert.ok(held !== undefined);
    assert.deepEqual([held.title, held.headId], ['Renamed', 'exchange a']);
    assert.deepEqual(
      held.exchanges.map(({ question, isForgotten, sequences }) => [
        question,
        isForgotten,
        sequences.map(({ id }) => id),
      ]),
      [
        ['What is a?', false, ['sequence a']],
        ['', true, ['chunk b']],
      ],
    );
    assert.equal(held.exchanges[0]?.sequences[0]?.pinned, true);
    full.isFull = false;
    store.writeHeld();
    assert.deepEqual(full.read('s1'), held);
    assert.deepEqual(full.attachments('exchange a'), []);
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
      const store = new FallbackSessionStore(await SqliteSessionStore.open(file), () => {});
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
      const again = await SqliteSessionStore.open(file);
      assert.deepEqual(again.read('s1'), before);
      again.close();
    })).timeout(15_000);
});
