import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { FallbackSessionStore } from '../../../src/memory/fallbackSessionStore.ts';
import { MemorySessionStore } from '../../../src/memory/memorySessionStore.ts';
import { openSessionStore } from '../../../src/memory/openSessionStore.ts';
import type { SessionStore } from '../../../src/memory/sessionStore.ts';
import { SqliteSessionStore } from '../../../src/memory/sqliteSessionStore.ts';
import { AnchorageError } from '../../../src/protocol/errors.ts';
import { newHolding, turn, withFolder } from './memoryFixtures.ts';

const session = { id: 's1', title: '', createdAt: 500 };
const fileIn = (folder: string): string => join(folder, 'sessions.sqlite');

describe('session store', function () {
  this.timeout(20_000);

  const kinds: readonly [string, (folder: string) => SessionStore | Promise<SessionStore>][] = [
    ['SQLite', (folder) => SqliteSessionStore.open(fileIn(folder))],
    ['memory', () => new MemorySessionStore()],
    ['fallback', () => new FallbackSessionStore(new MemorySessionStore(), (problem) => assert.fail(String(problem)))],
  ];
  for (const [name, open] of kinds) {
    it(`gives back what was written (${name})`, () =>
      withFolder(async (folder) => {
        const store = await open(folder);
        store.create(session);
        assert.deepEqual(store.list(), []);
        const turns = [turn('a'), turn('b', 2000, 'exchange a'), turn('b2', 2000, 'exchange a')];
        for (const each of turns) store.appendTurn('s1', each);
        assert.deepEqual(store.read('s1'), {
          ...session,
          title: 'About b2',
          updatedAt: 2000,
          headId: 'exchange b2',
          exchanges: turns.map(({ exchange }) => exchange),
        });
        assert.deepEqual(store.attachments('exchange b'), turn('b').attachments);
        assert.deepEqual(store.attachments('exchange none'), []);
        store.selectHead('s1', 'exchange b');
        store.selectHead('s1', 'exchange of no session');
        store.rename('s1', 'Renamed');
        assert.deepEqual([store.read('s1')?.headId, store.title('s1')], ['exchange b', 'Renamed']);
        store.create({ ...session, id: 's2' });
        store.appendTurn('s2', turn('c', 3000));
        assert.deepEqual(
          store.list().map(({ id, exchanges }) => [id, exchanges]),
          [
            ['s2', 1],
            ['s1', 3],
          ],
        );
        store.delete('s2');
        assert.equal(store.read('s2'), undefined);
        assert.deepEqual([store.title('s1'), store.title('s2')], ['Renamed', undefined]);
        assert.equal(store.list().length, 1);
        store.close();
      }));
  }

  it('is all there after it was opened again', () =>
    withFolder(async (folder) => {
      const first = await SqliteSessionStore.open(fileIn(folder));
      first.create(session);
      first.appendTurn('s1', turn('a'));
      const before = first.read('s1');
      first.close();
      const { store, warning } = await openSessionStore(folder);
      assert.equal(warning, null);
      assert.deepEqual(store.read('s1'), before);
      store.close();
    }));

  it('writes a turn whole or not at all', () =>
    withFolder(async (folder) => {
      const store = await SqliteSessionStore.open(fileIn(folder));
      store.create(session);
      store.appendTurn('s1', turn('a'));
      const before = store.read('s1');
      const broken = turn('b');
      const { sequences } = broken.exchange;
      const twice = { ...broken, exchange: { ...broken.exchange, sequences: [...sequences, ...sequences] } };
      assert.throws(
        () => store.appendTurn('s1', twice),
        (error) => AnchorageError.is(error, 'storageUnavailable'),
      );
      assert.deepEqual(store.read('s1'), before);
      store.close();
    }));

  it('keeps how sequences are held, with their anchors', () =>
    withFolder(async (folder) => {
      const store = await SqliteSessionStore.open(fileIn(folder));
      store.create(session);
      store.appendTurn('s1', turn('a'));
      const holding = { ...newHolding, choice: 'window', anchorKey: 'k', pinned: true, attention: 0.25 } as const;
      const anchors = ['k', 'of none'].map((key) => ({ key, bytes: Uint8Array.of(1, 2, 3) }));
      store.writeHoldings('s1', [{ id: 'chunk a', holding: { ...holding, usedAt: 7, spilled: true } }], anchors);
      const [chunk] = turn('a').exchange.sequences;
      assert.deepEqual(store.read('s1')?.exchanges[0]?.sequences[0], {
        ...chunk,
        ...holding,
        usedAt: 7,
        spilled: true,
      });
      assert.deepEqual(store.readAnchors('k'), Uint8Array.of(1, 2, 3));
      assert.equal(store.readAnchors('of none'), undefined, 'no sequence of the session names them');
      store.close();
    }));

  it('keeps anchors as long as a session names them', () =>
    withFolder(async (folder) => {
      const store = await SqliteSessionStore.open(fileIn(folder));
      for (const [id, name] of [
        ['s1', 'a'],
        ['s2', 'b'],
      ] as const) {
        store.create({ ...session, id });
        store.appendTurn(id, turn(name));
        const held = { id: `chunk ${name}`, holding: { ...newHolding, anchorKey: 'key' } };
        store.writeHoldings(id, [held], [{ key: 'key', bytes: Uint8Array.of(1) }]);
      }
      store.delete('s1');
      await store.eraseRemoved();
      assert.deepEqual(store.readAnchors('key'), Uint8Array.of(1));
      store.close();
      const again = await SqliteSessionStore.open(fileIn(folder));
      assert.deepEqual(again.readAnchors('key'), Uint8Array.of(1));
      again.delete('s2');
      await again.eraseRemoved();
      assert.equal(again.readAnchors('key'), undefined);
      again.close();
    }));

  it('lets the least recently used anchors go that no session names, past their bytes', () =>
    withFolder(async (folder) => {
      const store = await SqliteSessionStore.open(fileIn(folder), { mostUnnamedAnchorBytes: 300 });
      store.create(session);
      store.appendTurn('s1', turn('a'));
      const named = { id: 'chunk a', holding: { ...newHolding, anchorKey: 'named' } };
      store.writeHoldings('s1', [named], [{ key: 'named', bytes: new Uint8Array(1000) }]);
      const written = ['a', 'b', 'c'];
      for (const key of written) {
        store.writeAnchors(key, new Uint8Array(100));
        await sleep(2);
      }
      store.readAnchors('a');
      await sleep(2);
      store.writeAnchors('d', new Uint8Array(100));
      const isThere = (key: string): boolean => store.hasAnchors(key);
      assert.deepEqual(['a', 'b', 'c', 'd', 'named'].map(isThere), [true, false, true, true, true]);
      store.writeAnchors('large', new Uint8Array(301));
      assert.deepEqual(['a', 'c', 'd', 'large', 'named'].map(isThere), [true, true, true, false, true]);
      assert.ok(store.hasAnchors('a') && !store.hasAnchors('b'));
      store.writeAnchors('e', new Uint8Array(100));
      assert.deepEqual(['a', 'c', 'd', 'e'].map(isThere), [true, false, true, true], 'asking counts as use');
      store.close();
    }));

  describe('that cannot be opened', () => {
    const cases: readonly [string, RegExp, (folder: string) => string | Promise<string>][] = [
      [
        'a file in place of the folder',
        /Make the folder writable or choose another/,
        (folder) => {
          writeFileSync(join(folder, 'file'), '');
          return join(folder, 'file', 'storage');
        },
      ],
      [
        'a file system that takes no folders',
        /Make the folder writable or choose another/,
        () => join('/proc', 'anchorage', 'sessions'),
      ],
      [
        'a folder in place of the file',
        /Make the folder writable/,
        (folder) => {
          mkdirSync(fileIn(folder));
          return folder;
        },
      ],
    ];
    for (const [name, remedy, prepare] of cases) {
      it(`goes on in memory, with a warning that names folder and remedy: ${name}`, () =>
        withFolder(async (folder) => {
          const storage = await prepare(folder);
          const { store, warning } = await openSessionStore(storage);
          assert.ok(warning !== null && warning.includes(storage), String(warning));
          assert.match(warning, remedy);
          store.create(session);
          store.appendTurn('s1', turn('a'));
          assert.equal(store.read('s1')?.exchanges.length, 1);
        }));
    }
  });

  it('tells of a damaged row by its field', () =>
    withFolder(async (folder) => {
      const store = await SqliteSessionStore.open(fileIn(folder));
      store.create(session);
      store.appendTurn('s1', turn('a'));
      const database = new DatabaseSync(fileIn(folder));
      database.exec(`UPDATE sequences SET text = '{"kind":"poem"}'`);
      database.close();
      assert.throws(
        () => store.read('s1'),
        (error) => {
          return (
            AnchorageError.is(error, 'storageUnavailable') &&
            error.message.includes('text') &&
            error.message.includes(folder)
          );
        },
      );
      store.close();
    }));

  it('says who is to blame where the file stays locked', () =>
    withFolder(async (folder) => {
      (await SqliteSessionStore.open(fileIn(folder))).close();
      const lock = new DatabaseSync(fileIn(folder));
      lock.exec('BEGIN IMMEDIATE');
      const { warning } = await openSessionStore(folder);
      assert.match(warning ?? '', /locked.*Another program holds it locked/);
      lock.close();
    })).timeout(15_000);

  it('is opened by several processes at once, also where the file is new', () =>
    withFolder(async (folder) => {
      const opener = new URL('../../../src/memory/openSessionStore.ts', import.meta.url).href;
      const script = `
        import { openSessionStore } from ${JSON.stringify(opener)};
        process.stdin.once('data', async () => {
          const { store, warning } = await openSessionStore(process.argv[1]);
          store.create({ id: process.argv[2], title: '', createdAt: 1 });
          store.close();
          console.log(warning);
          process.exit();
        });
        console.log('ready');`;
      for (const round of ['a', 'b', 'c']) {
        const storage = join(folder, round);
        const children = ['1', '2', '3'].map((id) => {
          const child = spawn(process.execPath, ['--input-type=module', '-e', script, storage, id]);
          return { child, ready: once(child.stdout, 'data'), output: child.stdout.setEncoding('utf8') };
        });
        await Promise.all(children.map(({ ready }) => ready));
        const answers = children.map(({ child, output }) => {
          const answer = once(output, 'data');
          child.stdin.write('go\n');
          return answer;
        });
        for (const answer of answers) assert.deepEqual(await answer, ['null\n']);
        const { store } = await openSessionStore(storage);
        assert.deepEqual(
          ['1', '2', '3'].map((id) => store.title(id)),
          ['', '', ''],
        );
        store.close();
      }
    })).timeout(30_000);

  it('leaves nothing of a deleted session in its files, and gives their room back', () =>
    withFolder(async (folder) => {
      const first = await SqliteSessionStore.open(fileIn(folder));
      for (const id of ['s1', 's2']) first.create({ ...session, id });
      first.appendTurn('s2', turn('other'));
      first.close();
      const store = await SqliteSessionStore.open(fileIn(folder));
      const before = statSync(fileIn(folder)).size;
      const secret = 'xyzzy-plugh';
      for (let i = 0; i < 40; i++) {
        const each = turn(`${secret}-${i}`);
        store.appendTurn('s1', { ...each, title: secret, exchange: { ...each.exchange, answer: secret.repeat(500) } });
      }
      const holds = (): string[] =>
        readdirSync(folder).filter((name) => readFileSync(join(folder, name)).includes(secret));
      assert.notDeepEqual(holds(), []);
      store.delete('s1');
      await store.eraseRemoved();
      assert.deepEqual(holds(), []);
      assert.ok(statSync(fileIn(folder)).size < before + 65_536);
      assert.equal(store.read('s2')?.exchanges.length, 1);
      store.close();
      assert.deepEqual(holds(), []);
    }));
});
