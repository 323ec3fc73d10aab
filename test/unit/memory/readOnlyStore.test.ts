import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { FallbackSessionStore } from '../../../src/memory/fallbackSessionStore.ts';
import { openSessionStore } from '../../../src/memory/openSessionStore.ts';
import { AnchorageError } from '../../../src/protocol/errors.ts';
import { turn, withFolder } from './memoryFixtures.ts';
import { writeSessions } from './writtenSessions.ts';

const fileIn = (folder: string): string => join(folder, 'sessions.sqlite');

describe('a store that is only read', function () {
  this.timeout(20_000);

  it('is a file of a newer build, and leaves it as it is', () =>
    withFolder(async (folder) => {
      await writeSessions(folder);
      const database = new DatabaseSync(fileIn(folder));
      database.exec(
        "INSERT INTO migrations VALUES (99, 'of the future', 0); ALTER TABLE sessions ADD COLUMN more TEXT",
      );
      database.close();
      const before = readFileSync(fileIn(folder));
      const { store: readOnly, warning } = await openSessionStore(folder);
      assert.ok(warning !== null && warning.includes(folder));
      assert.match(warning, /newer Anchorage.*kept in memory.*Update Anchorage/);
      const told: (string | null)[] = [];
      const store = new FallbackSessionStore(readOnly, (problem) => told.push(problem));
      assert.equal(store.list().length, 2);
      assert.equal(store.read('s1')?.exchanges.length, 31);
      assert.equal(store.search('t10', 5).length, 1);
      assert.equal(store.readAnchors('key 0')?.length, 9000);
      store.create({ id: 'new', title: '', createdAt: 1 });
      store.appendTurn('new', turn('new'));
      store.appendTurn('s1', turn('more', 9000, 'exchange t58'));
      store.selectHead('s2', 'exchange t3');
      assert.equal(told.length, 1);
      assert.equal(store.read('s1')?.exchanges.length, 32);
      assert.equal(store.read('s2')?.headId, 'exchange t3');
      assert.equal(store.read('new')?.exchanges.length, 1);
      assert.throws(
        () => store.delete('s1'),
        (error) => AnchorageError.is(error, 'storageUnavailable'),
      );
      store.close();
      assert.deepEqual(readFileSync(fileIn(folder)), before);
    }));

  it('has nothing of a newer build with other tables, which is left as it is', () =>
    withFolder(async (folder) => {
      await writeSessions(folder);
      const database = new DatabaseSync(fileIn(folder));
      database.exec("INSERT INTO migrations VALUES (99, 'of the future', 0); ALTER TABLE exchanges RENAME TO turns");
      database.close();
      const before = readFileSync(fileIn(folder));
      const { store, warning } = await openSessionStore(folder);
      assert.ok(warning?.includes(folder));
      assert.deepEqual(store.list(), []);
      store.close();
      assert.deepEqual(readFileSync(fileIn(folder)), before);
    }));

  const script = `
    import { openSessionStore } from ${JSON.stringify(new URL('../../../src/memory/openSessionStore.ts', import.meta.url).href)};
    const { store, warning } = await openSessionStore(process.argv[1]);
    let refused = '';
    try { store.rename('s1', 'New'); } catch (error) { refused = error.reason; }
    console.log(JSON.stringify({ warning, refused, list: store.list().length }));`;

  for (const [name, modes] of [
    ['is a file that cannot be written', [0o777, 0o444]],
    ['is in a folder that cannot be written', [0o555, 0o666]],
  ] as const) {
    it(name, function () {
      // The system's rules do not bind root: another user opens it.
      const isRoot = process.getuid?.() === 0;
      if (process.platform === 'win32') this.skip();
      return withFolder(async (folder) => {
        await writeSessions(folder);
        const before = readFileSync(fileIn(folder));
        chmodSync(fileIn(folder), modes[1]);
        chmodSync(folder, modes[0]);
        const user = isRoot ? { uid: 65_534, gid: 65_534 } : {};
        const child = spawnSync(process.execPath, ['--input-type=module', '-e', script, folder], {
          ...user,
          encoding: 'utf8',
        });
        chmodSync(folder, 0o777);
        if (/EACCES.*node|Cannot find module/.test(child.stderr)) this.skip();
        const { warning, refused, list } = JSON.parse(child.stdout || `"${child.stderr}"`) as Record<string, unknown>;
        assert.match(String(warning), new RegExp(`${folder}.*cannot be written.*kept in memory.*Make .* writable`));
        assert.deepEqual([refused, list], ['storageUnavailable', 2]);
        assert.deepEqual(readFileSync(fileIn(folder)), before);
      });
    });
  }
});
