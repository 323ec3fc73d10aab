import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { openSessionStore } from '../../../src/memory/openSessionStore.ts';
import { turn, withFolder } from './memoryFixtures.ts';

const turns = 200;
const moduleAt = (path: string): string => JSON.stringify(new URL(path, import.meta.url).href);

/** Writes turns to a session that is shared and to one of its own, each after what it takes for the last exchange. */
const writer = `
  import { FallbackSessionStore } from ${moduleAt('../../../src/memory/fallbackSessionStore.ts')};
  import { openSessionStore } from ${moduleAt('../../../src/memory/openSessionStore.ts')};
  import { newHolding, turn } from ${moduleAt('./memoryFixtures.ts')};
  const [, folder, name] = process.argv;
  const { store, warning } = await openSessionStore(folder);
  if (warning !== null) throw new Error(warning);
  const fallback = new FallbackSessionStore(store, (problem) => console.error(name, problem));
  fallback.create({ id: name, title: '', createdAt: 1 });
  const last = { shared: 'exchange root', [name]: null };
  for (let index = 0; index < ${turns}; index++) {
    const session = index % 2 === 0 ? 'shared' : name;
    const each = turn(name + index, index, last[session]);
    fallback.appendTurn(session, each);
    last[session] = each.exchange.id;
    const key = 'key of ' + name + index;
    const held = [{ id: 'sequence ' + name + index, holding: { ...newHolding, anchorKey: key } }];
    fallback.writeHoldings(session, held, [{ key, bytes: new Uint8Array(1000) }]);
    if (index % 20 === 0) {
      // Sees what the other has written, and goes on from there: branches meet.
      last.shared = fallback.read('shared').headId;
      fallback.writeAnchors('ahead ' + key, new Uint8Array(1000));
    }
    if (index % 50 === 0) fallback.search(name, 5);
  }
  fallback.close();
  console.log('done');`;

async function runWriters(folder: string, names: readonly string[]): Promise<void> {
  const children = names.map((name) => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', writer, folder, name], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    return once(child, 'exit').then(([code]) => assert.equal(code, 0));
  });
  await Promise.all(children);
}

describe('two processes on one store', function () {
  this.timeout(120_000);

  it('lose nothing of what each writes, in one session and in two', () =>
    withFolder(async (folder) => {
      const { store } = await openSessionStore(folder);
      store.create({ id: 'shared', title: '', createdAt: 1 });
      store.appendTurn('shared', turn('root'));
      await runWriters(folder, ['left', 'right']);
      const shared = store.read('shared') ?? assert.fail();
      assert.equal(shared.exchanges.length, 1 + turns);
      const known = new Set<string>();
      for (const { id, parentId, sequences } of shared.exchanges) {
        assert.ok(parentId === null ? id === 'exchange root' : known.has(parentId), id);
        assert.equal(sequences.length, 2);
        known.add(id);
      }
      assert.equal(shared.headId, shared.exchanges.at(-1)?.id);
      const parents = shared.exchanges.map(({ parentId }) => parentId);
      assert.ok(new Set(parents).size < parents.length, 'there are branches');
      for (const name of ['left', 'right']) {
        const own = store.read(name) ?? assert.fail();
        assert.deepEqual(
          own.exchanges.map(({ id }) => id),
          Array.from({ length: turns / 2 }, (_, index) => `exchange ${name}${2 * index + 1}`),
        );
        const ids = [...own.exchanges, ...shared.exchanges].map(({ id }) => id.replace('exchange ', ''));
        for (const id of ids.filter((each) => each.startsWith(name))) {
          assert.ok(store.readAnchors(`key of ${id}`) !== undefined, id);
        }
        assert.equal(store.search(`${name}199`, 5)[0]?.session.id, name);
      }
      store.close();
      const database = new DatabaseSync(join(folder, 'sessions.sqlite'));
      database.exec("INSERT INTO search (search, rank) VALUES ('integrity-check', 1)");
      assert.deepEqual({ ...database.prepare('PRAGMA integrity_check').get() }, { integrity_check: 'ok' });
      assert.deepEqual(database.prepare('PRAGMA foreign_key_check').all(), []);
      database.close();
    }));

  it('set a damaged file aside once', () =>
    withFolder(async (folder) => {
      writeFileSync(join(folder, 'sessions.sqlite'), 'nothing of ours '.repeat(5000));
      const opened = await Promise.all([1, 2, 3].map(() => openSessionStore(folder)));
      assert.equal(opened.filter(({ warning }) => warning !== null).length, 1);
      opened.forEach(({ store }, index) => store.create({ id: `s${index}`, title: 'Title', createdAt: 1 }));
      for (const { store } of opened) assert.equal(store.title('s2'), 'Title');
      for (const { store } of opened) store.close();
    }));
});
