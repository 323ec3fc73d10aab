import assert from 'node:assert/strict';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { MemorySessionStore } from '../../../src/memory/memorySessionStore.ts';
import type { SessionStore, StoredTurn } from '../../../src/memory/sessionStore.ts';
import { SqliteSessionStore } from '../../../src/memory/sqliteSessionStore.ts';
import { AnchorageError } from '../../../src/protocol/errors.ts';
import { newHolding, turn, withFolder } from './memoryFixtures.ts';

const session = { id: 's1', title: '', createdAt: 500 };
const fileIn = (folder: string): string => join(folder, 'sessions.sqlite');

/** A turn that has words of its own in every place that a text can be in. */
function saying(name: string, words: string, parentId: string | null): StoredTurn {
  const { exchange, attachments, ...rest } = turn(name, 1000, parentId);
  const sequences = exchange.sequences.map((sequence) => ({
    ...sequence,
    text:
      sequence.text.kind === 'chunk'
        ? { ...sequence.text, text: `chunk ${words}` }
        : { ...sequence.text, question: `asks ${words}`, answer: `says ${words}` },
  }));
  return {
    ...rest,
    title: `Title ${words}`,
    exchange: { ...exchange, question: `asks ${words}`, answer: `says ${words}`, sequences },
    attachments: attachments.map((attachment) => ({ ...attachment, text: `file ${words}\nlast` })),
  };
}

/** The same words each time the test runs, and none twice. */
function* secrets(): Generator<string> {
  for (let state = 1; ;) {
    const letters = Array.from({ length: 12 }, () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return String.fromCharCode(97 + ((state >>> 16) % 26));
    });
    yield letters.join('');
  }
}

describe('forgetting', function () {
  this.timeout(20_000);

  const kinds: readonly [string, (folder: string) => SessionStore | Promise<SessionStore>][] = [
    ['SQLite', (folder) => SqliteSessionStore.open(fileIn(folder))],
    ['memory', () => new MemorySessionStore()],
  ];
  for (const [name, open] of kinds) {
    it(`takes a sequence out of all that says something of it (${name})`, () =>
      withFolder(async (folder) => {
        const store = await open(folder);
        store.create(session);
        store.appendTurn('s1', turn('a'));
        const why = { kind: 'words' as const, words: ['word'] };
        const rehydrated = ['sequence a', 'chunk a', 'sequence c'].map((sequenceId) => {
          return { sequenceId, label: 'Words', tokens: 1, why };
        });
        const next = turn('b', 2000, 'exchange a');
        store.appendTurn('s1', { ...next, exchange: { ...next.exchange, rehydrated } });
        store.forget('s1', 'sequence a', 'About b');
        const [first, second] = store.read('s1')?.exchanges ?? [];
        assert.ok(first !== undefined && second !== undefined);
        assert.deepEqual([first.question, first.answer, first.isForgotten], ['', '', true]);
        assert.deepEqual(
          [first, second].map(({ sequences }) => sequences.map(({ id }) => id)),
          [['chunk a'], ['chunk b', 'sequence b']],
        );
        assert.deepEqual(
          second.rehydrated.map(({ sequenceId }) => sequenceId),
          ['chunk a', 'sequence c'],
        );
        assert.equal(store.attachments('exchange a').length, 1, 'what was attached is another sequence');
        store.forget('s1', 'chunk a', 'About b');
        assert.deepEqual(store.attachments('exchange a'), []);
        assert.equal(store.attachments('exchange b').length, 1);
        assert.deepEqual(store.read('s1')?.exchanges[0]?.attachments, turn('a').exchange.attachments);
        const before = store.read('s1');
        store.forget('s1', 'of none', 'About b');
        assert.deepEqual(store.read('s1'), before);
        store.close();
      }));
  }

  it('leaves none of the words in the files, whichever sequence it was', () =>
    withFolder(async (folder) => {
      const store = await SqliteSessionStore.open(fileIn(folder));
      const holds = (word: string): string[] =>
        readdirSync(folder).filter((name) => readFileSync(join(folder, name)).includes(word));
      const word = secrets();
      const next = (): string => word.next().value as string;
      store.create(session);
      const said: { name: string; inChunk: string; inExchange: string; shared: string }[] = [];
      for (let index = 0; index < 60; index++) {
        const each = { name: `t${index}`, inChunk: next(), inExchange: next(), shared: next() };
        said.push(each);
        const chunk = saying(each.name, each.inChunk, said[index - 1] ? `exchange t${index - 1}` : null);
        const exchange = saying(each.name, each.inExchange, null);
        const sequences = [chunk.exchange.sequences[0], exchange.exchange.sequences[1]].filter((s) => s !== undefined);
        const { question, answer } = exchange.exchange;
        store.appendTurn('s1', {
          ...chunk,
          title: exchange.title,
          exchange: { ...chunk.exchange, question, answer, sequences },
        });
        const held = sequences.map(({ id }) => ({ id, holding: { ...newHolding, anchorKey: `key of ${id}` } }));
        const anchors = held.map(({ id }) => ({ key: `key of ${id}`, bytes: Buffer.from(`anchors ${each.shared}`) }));
        store.writeHoldings('s1', held, anchors);
      }
      for (const index of [59, 0, 30, 31, 7, 45]) {
        const { name, inChunk, inExchange, shared } = said[index] ?? assert.fail();
        for (const each of [inChunk, inExchange, shared]) assert.notDeepEqual(holds(each), []);
        store.forget('s1', `sequence ${name}`, 'Another title');
        await store.eraseRemoved();
        assert.deepEqual(holds(inExchange), [], 'exchange');
        assert.notDeepEqual(holds(inChunk), []);
        store.forget('s1', `chunk ${name}`, 'Another title');
        await store.eraseRemoved();
        assert.deepEqual(holds(inChunk), [], 'chunk');
        assert.deepEqual(holds(shared), [], 'anchors');
      }
      const { inExchange } = said[10] ?? assert.fail();
      assert.notDeepEqual(holds(inExchange), []);
      assert.deepEqual(
        store.search(inExchange, 5).map(({ exchangeId }) => exchangeId),
        ['exchange t10'],
      );
      store.delete('s1');
      await store.eraseRemoved();
      for (const each of said) for (const secret of Object.values(each).slice(1)) assert.deepEqual(holds(secret), []);
      store.close();
    })).timeout(30_000);

  it('removes the anchors of what was read after it, of its branch alone, and those that none names', () =>
    withFolder(async (folder) => {
      const store = await SqliteSessionStore.open(fileIn(folder));
      store.create(session);
      store.create({ ...session, id: 's2' });
      store.appendTurn('s1', turn('a'));
      store.appendTurn('s1', turn('b', 1000, 'exchange a'));
      store.appendTurn('s1', turn('b2', 1000, 'exchange a'));
      store.appendTurn('s1', turn('c', 1000, 'exchange b'));
      store.appendTurn('s2', turn('other'));
      const name = (sessionId: string, id: string, key: string): void => {
        const held = { id, holding: { ...newHolding, anchorKey: key } };
        store.writeHoldings(sessionId, [held], [{ key, bytes: Uint8Array.of(1) }]);
      };
      name('s1', 'sequence b', 'earlier ratio');
      for (const each of ['chunk a', 'sequence a', 'chunk b', 'sequence b', 'sequence b2', 'chunk c', 'sequence c']) {
        name('s1', each, each);
      }
      name('s2', 'sequence other', 'sequence c');
      store.writeAnchors('read ahead', Uint8Array.of(1));
      store.forget('s1', 'chunk b', 'Title');
      await store.eraseRemoved();
      const keys = ['chunk a', 'sequence a', 'sequence b2', 'chunk c', 'chunk b', 'sequence b', 'earlier ratio'];
      assert.deepEqual(
        keys.map((key) => store.readAnchors(key) !== undefined),
        [true, true, true, true, false, false, false],
      );
      assert.ok(store.readAnchors('sequence c') !== undefined, 'another session has them');
      assert.ok(store.readAnchors('read ahead') !== undefined);
      const named = store.read('s1')?.exchanges.flatMap(({ sequences }) => sequences.map(({ anchorKey }) => anchorKey));
      assert.deepEqual(named, ['chunk a', 'sequence a', null, null, 'sequence b2', 'chunk c', null]);
      store.close();
    }));

  describe('anchors of a deleted session', () => {
    const count = 60;
    const size = 400_000;

    async function deleted(folder: string): Promise<SqliteSessionStore> {
      const store = await SqliteSessionStore.open(fileIn(folder));
      for (const id of ['s1', 's2']) store.create({ ...session, id });
      for (let n = 0; n < count; n++) {
        store.appendTurn('s1', turn(`t${n}`));
        const held = { id: `chunk t${n}`, holding: { ...newHolding, anchorKey: `key ${n}` } };
        store.writeHoldings('s1', [held], [{ key: `key ${n}`, bytes: new Uint8Array(size).fill(n) }]);
      }
      store.appendTurn('s2', turn('other'));
      const shared = { id: 'chunk other', holding: { ...newHolding, anchorKey: 'key 0' } };
      store.writeHoldings('s2', [shared]);
      store.delete('s1');
      return store;
    }
    const left = (store: SessionStore): number =>
      Array.from({ length: count }, (_, n) => store.hasAnchors(`key ${n}`)).filter(Boolean).length;

    it('are removed little by little, while others get their turn', () =>
      withFolder(async (folder) => {
        const store = await deleted(folder);
        let turns = 0;
        const ticker = setInterval(() => store.rename('s2', `Renamed ${++turns}`), 1);
        await store.eraseRemoved();
        clearInterval(ticker);
        assert.ok(turns >= 5, `${turns} turns`);
        assert.equal(left(store), 1, 'another session has it');
        assert.equal(store.title('s2'), `Renamed ${turns}`);
        store.close();
        assert.ok(statSync(fileIn(folder)).size < 2 * size);
      }));

    it('are removed by the next process where this one ended before, and no others', () =>
      withFolder(async (folder) => {
        const first = await deleted(folder);
        const end = new AbortController();
        setImmediate(() => end.abort());
        await assert.rejects(first.eraseRemoved(end.signal), /aborted/);
        first.close();
        const store = await SqliteSessionStore.open(fileIn(folder));
        assert.ok(left(store) > 1, `${left(store)} of ${count}`);
        const other = { id: 'chunk other', holding: { ...newHolding, anchorKey: 'another ratio' } };
        store.writeHoldings('s2', [other], [{ key: 'another ratio', bytes: new Uint8Array(10) }]);
        await store.eraseRemoved();
        assert.deepEqual([left(store), store.hasAnchors('key 0'), store.hasAnchors('another ratio')], [1, true, true]);
        store.close();
      }));
  });

  it('does not bring back what another process has forgotten', () =>
    withFolder(async (folder) => {
      const [one, other] = [
        await SqliteSessionStore.open(fileIn(folder)),
        await SqliteSessionStore.open(fileIn(folder)),
      ];
      one.create(session);
      one.appendTurn('s1', turn('a'));
      one.forget('s1', 'chunk a', 'Title');
      const held = { id: 'chunk a', holding: { ...newHolding, anchorKey: 'key' } };
      other.writeHoldings('s1', [held], [{ key: 'key', bytes: Uint8Array.of(1) }]);
      assert.equal(other.readAnchors('key'), undefined);
      one.close();
      other.close();
    }));

  it('says so where the log cannot be emptied yet, and empties it later', () =>
    withFolder(async (folder) => {
      const store = await SqliteSessionStore.open(fileIn(folder));
      const isThere = (): boolean => readFileSync(`${fileIn(folder)}-wal`).includes('xyzzyplugh');
      store.create(session);
      store.appendTurn('s1', saying('a', 'xyzzyplugh', null));
      const reader = new DatabaseSync(fileIn(folder), { readOnly: true });
      reader.exec('BEGIN; SELECT count(*) FROM exchanges');
      reader.prepare('SELECT count(*) FROM exchanges').get();
      store.forget('s1', 'sequence a', 'Title');
      await assert.rejects(
        store.eraseRemoved(),
        (error) => AnchorageError.is(error, 'storageUnavailable') && /the log .* still has it/.test(error.message),
      );
      assert.equal(store.read('s1')?.exchanges[0]?.isForgotten, true);
      assert.ok(isThere());
      reader.close();
      await store.eraseRemoved();
      assert.ok(!isThere());
      store.close();
    })).timeout(15_000);
});
