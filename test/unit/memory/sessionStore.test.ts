import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { FallbackSessionStore } from '../../../src/memory/fallbackSessionStore.ts';
import { MemorySessionStore } from '../../../src/memory/memorySessionStore.ts';
import { openSessionStore } from '../../../src/memory/openSessionStore.ts';
import type { SessionStore } from '../../../src/memory/sessionStore.ts';
import { SqliteSessionStore } from '../../../src/memory/sqliteSessionStore.ts';
import { AnchorageError } from '../../../src/protocol/errors.ts';
import { turn, withFolder } from './memoryFixtures.ts';

const session = { id: 's1', title: '', createdAt: 500 };
const fileIn = (folder: string): string => join(folder, 'sessions.sqlite');

describe('session store', () => {
  const kinds: readonly [string, (folder: string) => SessionStore | Promise<SessionStore>][] = [
    ['SQLite', (folder) => SqliteSessionStore.open(folder, fileIn(folder))],
    ['memory', () => new MemorySessionStore()],
    ['fallback', () => new FallbackSessionStore(new MemorySessionStore(), (problem) => assert.fail(String(problem)))],
  ];
  for (const [name, open] of kinds) {
    it(`gives back what was written (${name})`, () =>
      withFolder(async (folder) => {
        const store = await open(folder);
        store.create(session);
        assert.deepEqual(store.list(), []);
        const turns = [turn('a'), turn('b', 2000)];
        for (const each of turns) store.appendTurn('s1', each);
        assert.deepEqual(store.read('s1'), {
          ...session,
          title: 'About b',
          updatedAt: 2000,
          exchanges: turns.map(({ exchange }) => exchange),
          sequences: turns.flatMap(({ sequences }) => sequences),
        });
        store.create({ ...session, id: 's2' });
        store.appendTurn('s2', turn('c', 3000));
        assert.deepEqual(
          store.list().map(({ id, exchanges }) => [id, exchanges]),
          [
            ['s2', 1],
            ['s1', 2],
          ],
        );
        store.delete('s2');
        assert.equal(store.read('s2'), undefined);
        assert.deepEqual([store.title('s1'), store.title('s2')], ['About b', undefined]);
        assert.equal(store.list().length, 1);
        store.close();
      }));
  }

  it('is all there after it was opened again', () =>
    withFolder(async (folder) => {
      const first = await SqliteSessionStore.open(folder, fileIn(folder));
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
      const store = await SqliteSessionStore.open(folder, fileIn(folder));
      store.create(session);
      store.appendTurn('s1', turn('a'));
      const before = store.read('s1');
      const broken = turn('b');
      const twice = { ...broken, sequences: [...broken.sequences, ...broken.sequences] };
      assert.throws(
        () => store.appendTurn('s1', twice),
        (error) => AnchorageError.is(error, 'storageUnavailable'),
      );
      assert.deepEqual(store.read('s1'), before);
      store.close();
    }));

  it('keeps anchors by their key as long as a session uses them', () =>
    withFolder(async (folder) => {
      const store = await SqliteSessionStore.open(folder, fileIn(folder));
      const bytes = Uint8Array.of(1, 2, 3);
      for (const id of ['s1', 's2']) store.create({ ...session, id });
      const [chunk, exchange] = turn('a').sequences;
      assert.ok(chunk !== undefined && exchange !== undefined);
      store.appendTurn('s1', turn('a'));
      const kept = { ...chunk, choice: 'window' as const, anchorKey: 'key' };
      store.writeAnchors(kept, bytes);
      assert.deepEqual(store.read('s1')?.sequences[0], kept);
      store.appendTurn('s2', { ...turn('b'), sequences: [{ ...kept, id: 'other' }] });
      store.delete('s1');
      assert.deepEqual(store.readAnchors('key'), bytes);
      store.delete('s2');
      assert.equal(store.readAnchors('key'), undefined);
      store.close();
    }));

  describe('that cannot be opened', () => {
    const cases: readonly [string, RegExp, (folder: string) => string | Promise<string>][] = [
      [
        'a damaged file',
        /Move .*sessions\.sqlite away/,
        (folder) => {
          writeFileSync(fileIn(folder), 'SQLite format 3\u0000 and then nothing of the kind'.repeat(200));
          return folder;
        },
      ],
      [
        'a truncated file',
        /Move .*sessions\.sqlite away/,
        async (folder) => {
          const store = await SqliteSessionStore.open(folder, fileIn(folder));
          store.create(session);
          for (let i = 0; i < 50; i++) store.appendTurn('s1', turn(`t${i}`));
          store.close();
          writeFileSync(fileIn(folder), readFileSync(fileIn(folder)).subarray(0, 20_000));
          return folder;
        },
      ],
      [
        'a newer schema',
        /Update Anchorage/,
        async (folder) => {
          (await SqliteSessionStore.open(folder, fileIn(folder))).close();
          const database = new DatabaseSync(fileIn(folder));
          database.exec("INSERT INTO migrations VALUES (99, 'of the future', 0)");
          database.close();
          return folder;
        },
      ],
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
        /Make the folder writable|Move/,
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

    it('leaves a newer file as it is', () =>
      withFolder(async (folder) => {
        (await SqliteSessionStore.open(folder, fileIn(folder))).close();
        const database = new DatabaseSync(fileIn(folder));
        database.exec("INSERT INTO migrations VALUES (99, 'of the future', 0)");
        database.close();
        const before = readFileSync(fileIn(folder));
        (await openSessionStore(folder)).store.close();
        assert.deepEqual(readFileSync(fileIn(folder)), before);
      }));
  });

  it('tells of a damaged row by its field', () =>
    withFolder(async (folder) => {
      const store = await SqliteSessionStore.open(folder, fileIn(folder));
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
      (await SqliteSessionStore.open(folder, fileIn(folder))).close();
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
      const store = await SqliteSessionStore.open(folder, fileIn(folder));
      for (const id of ['s1', 's2']) store.create({ ...session, id });
      store.appendTurn('s2', turn('other'));
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
      assert.deepEqual(holds(), []);
      assert.ok(statSync(fileIn(folder)).size < before + 65_536);
      assert.equal(store.read('s2')?.exchanges.length, 1);
      store.close();
      assert.deepEqual(holds(), []);
    }));
});
