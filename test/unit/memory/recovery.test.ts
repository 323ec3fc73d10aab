import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, linkSync, readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { openSessionStore } from '../../../src/memory/openSessionStore.ts';
import { recoverSessions } from '../../../src/memory/recoverSessions.ts';
import type { StoredSession } from '../../../src/memory/sessionStore.ts';
import { SqliteSessionStore } from '../../../src/memory/sqliteSessionStore.ts';
import { AnchorageError } from '../../../src/protocol/errors.ts';
import { turn, withFolder } from './memoryFixtures.ts';
import { writeSessions } from './writtenSessions.ts';

const fileIn = (folder: string): string => join(folder, 'sessions.sqlite');

/** As recovery leaves it: without anchors. */
function withoutAnchors(stored: StoredSession): StoredSession {
  const exchanges = stored.exchanges.map(({ sequences, ...exchange }) => ({
    ...exchange,
    sequences: sequences.map((sequence) => ({ ...sequence, anchorKey: null, spilled: false })),
  }));
  return { ...stored, exchanges };
}

const asides = (folder: string, reason = 'damaged'): string[] =>
  readdirSync(folder).filter((name) => name.startsWith(`sessions.${reason}-`) && name.endsWith('.sqlite'));

describe('recovery of sessions', function () {
  this.timeout(20_000);

  it('reads every text of a file that is whole, without SQLite', () =>
    withFolder(async (folder) => {
      const sessions = await writeSessions(folder);
      const recovered = recoverSessions(fileIn(folder));
      assert.deepEqual(
        recovered.map((each) => each.session).sort((a, b) => a.id.localeCompare(b.id)),
        sessions.map(withoutAnchors),
      );
      assert.deepEqual(recovered[0]?.attachments.get('exchange t4'), turn('t4').attachments);
    }));

  it('reads what is in the log only', () =>
    withFolder(async (folder) => {
      const store = await SqliteSessionStore.open(fileIn(folder));
      store.create({ id: 's1', title: '', createdAt: 500 });
      store.appendTurn('s1', turn('a'));
      const [recovered] = recoverSessions(fileIn(folder));
      assert.deepEqual(recovered?.session, store.read('s1'));
      store.close();
    }));

  const damages: readonly [string, number, (bytes: Buffer) => Buffer][] = [
    ['a bad header', 61, (bytes) => (bytes.fill(0xa5, 0, 100), bytes)],
    ['a lost first page', 61, (bytes) => (bytes.fill(0, 0, 4096), bytes)],
    ['a truncated file', 20, (bytes) => bytes.subarray(0, Math.floor(bytes.length * 0.6) + 1234)],
    [
      'damaged pages',
      40,
      (bytes) => {
        for (let page = 7; (page + 1) * 4096 < bytes.length; page += 25)
          bytes.fill(0xff, page * 4096, page * 4096 + 99);
        return bytes;
      },
    ],
    [
      // Every page above those that have the rows, and every index: nothing leads to a row any more.
      'no way to any row',
      61,
      (bytes) => {
        for (let at = 4096; at < bytes.length; at += 4096) if ([2, 5, 10].includes(bytes[at] ?? 0)) bytes[at] = 0x77;
        return bytes;
      },
    ],
  ];
  for (const [name, least, damage] of damages) {
    it(`sets aside and recovers a file with ${name}`, () =>
      withFolder(async (folder) => {
        const sessions = await writeSessions(folder);
        const damaged = damage(readFileSync(fileIn(folder)));
        writeFileSync(fileIn(folder), damaged);
        const { store, warning } = await openSessionStore(folder);
        const [aside] = asides(folder);
        assert.ok(aside !== undefined);
        assert.deepEqual(readFileSync(join(folder, aside)), damaged);
        assert.ok(warning !== null && warning.includes(aside) && warning.includes(folder), String(warning));
        const list = store.list();
        const count = list.reduce((sum, { exchanges }) => sum + exchanges, 0);
        assert.ok(count >= least, `${count} exchanges`);
        assert.match(warning, new RegExp(`Recovered: ${count} exchanges of ${list.length} session`));
        const written = new Map(sessions.flatMap(({ exchanges }) => exchanges.map((each) => [each.id, each])));
        let intact = 0;
        for (const { id } of list) {
          const known = new Set<string>();
          for (const exchange of store.read(id)?.exchanges ?? []) {
            assert.ok(exchange.parentId === null || known.has(exchange.parentId));
            known.add(exchange.id);
            if (written.get(exchange.id)?.answer === exchange.answer) intact++;
          }
        }
        assert.ok(intact >= least * 0.8, `${intact} intact`);
        store.create({ id: 'new', title: '', createdAt: 1 });
        store.appendTurn('new', turn('new'));
        store.close();
        const again = await openSessionStore(folder);
        assert.equal(again.warning, null);
        assert.ok(again.store.search('t10', 5).length <= 1);
        again.store.close();
      }));
  }

  it('opens whatever is in the place of the file, or goes on in memory: random damage', () =>
    withFolder(async (folder) => {
      await writeSessions(folder);
      const whole = readFileSync(fileIn(folder));
      let state = 7;
      const random = (below: number): number => {
        state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
        return Math.floor((state / 2 ** 32) * below);
      };
      for (let round = 0; round < 25; round++) {
        const bytes = Buffer.from(whole.subarray(0, random(4) === 0 ? random(whole.length) : whole.length));
        for (let flips = random(40); flips > 0 && bytes.length > 0; flips--) bytes[random(bytes.length)] = random(256);
        writeFileSync(fileIn(folder), bytes);
        const { store } = await openSessionStore(folder);
        store.create({ id: `new ${round}`, title: '', createdAt: 1 });
        store.appendTurn(`new ${round}`, turn(`new ${round}`));
        assert.equal(store.read(`new ${round}`)?.exchanges.length, 1);
        store.close();
      }
    })).timeout(60_000);

  it('makes an exchange again from its sequence, and a sequence from its exchange', () =>
    withFolder(async (folder) => {
      await writeSessions(folder);
      const database = new DatabaseSync(fileIn(folder));
      database.exec(`PRAGMA foreign_keys = OFF; DELETE FROM exchanges WHERE id = 'exchange t4';
        DELETE FROM sequences WHERE id = 'sequence t6'; DELETE FROM sessions WHERE id = 's2'`);
      database.close();
      const sessions = recoverSessions(fileIn(folder)).map((each) => each.session);
      const exchanges = sessions.find(({ id }) => id === 's1')?.exchanges ?? [];
      assert.deepEqual(
        exchanges.slice(1, 4).map(({ id, parentId, question }) => [id, parentId, question]),
        [
          ['exchange t2', 'exchange t0', 'What is t2?'],
          ['exchange t4', 'exchange t2', 'What is t4?'],
          ['exchange t6', 'exchange t4', 'What is t6?'],
        ],
      );
      assert.deepEqual(exchanges[3]?.sequences[1]?.text, {
        kind: 'exchange',
        question: 'What is t6?',
        answer: 'Answer 6',
      });
      assert.equal(sessions.find(({ id }) => id === 's2')?.exchanges.length, 30);
    }));

  it('never takes the name of a file that was set aside earlier', () =>
    withFolder(async (folder) => {
      for (const count of [1, 2, 3]) {
        await writeSessions(folder);
        const bytes = readFileSync(fileIn(folder)).fill(count, 0, 100);
        writeFileSync(fileIn(folder), bytes);
        const { store } = await openSessionStore(folder);
        store.delete('s1');
        store.delete('s2');
        store.close();
        assert.equal(asides(folder).length, count);
      }
      const firsts = asides(folder).map((name) => readFileSync(join(folder, name))[0] ?? 0);
      assert.deepEqual(firsts.sort(), [1, 2, 3]);
    }));

  describe('sets aside, unharmed, a file that is not ours', () => {
    const foreign: readonly [string, (file: string) => void][] = [
      ['text', (file) => writeFileSync(file, 'Dear diary, '.repeat(2000))],
      ['the beginning of one', (file) => writeFileSync(file, 'SQLite format 3\0 and nothing of the kind'.repeat(200))],
      [
        'the database of another program',
        (file) => {
          const database = new DatabaseSync(file);
          database.exec("CREATE TABLE sessions (id TEXT, a TEXT); INSERT INTO sessions VALUES ('1', '2')");
          database.close();
        },
      ],
    ];
    for (const [name, write] of foreign) {
      it(name, () =>
        withFolder(async (folder) => {
          write(fileIn(folder));
          const before = readFileSync(fileIn(folder));
          const { store, warning } = await openSessionStore(folder);
          const [aside = ''] = asides(folder, 'foreign');
          assert.deepEqual(readFileSync(join(folder, aside)), before);
          assert.ok(warning?.includes(aside) && warning.includes(fileIn(folder)), String(warning));
          store.create({ id: 's1', title: '', createdAt: 500 });
          store.appendTurn('s1', turn('a'));
          store.close();
          const again = await openSessionStore(folder);
          assert.deepEqual([again.warning, again.store.list().length], [null, 1]);
          again.store.close();
        }),
      );
    }
  });

  describe('goes on where a process was killed', () => {
    /** A damaged file, and the file that recovery made of it, as it stands before it takes the place. */
    async function prepared(folder: string): Promise<{ damaged: Buffer; stem: string }> {
      await writeSessions(folder);
      const damaged = readFileSync(fileIn(folder)).fill(1, 0, 100);
      writeFileSync(fileIn(folder), damaged);
      (await openSessionStore(folder)).store.close();
      const [aside = ''] = asides(folder);
      const stem = join(folder, aside.replace(/\.sqlite$/, ''));
      renameSync(fileIn(folder), `${stem}.recovered`);
      renameSync(`${stem}.sqlite`, fileIn(folder));
      return { damaged, stem };
    }
    const moments: readonly [string, (file: string, stem: string) => void][] = [
      ['when the new file was whole', () => {}],
      ['when the old one had its second name', (file, stem) => linkSync(file, `${stem}.sqlite`)],
      ['while it was copied', (file, stem) => writeFileSync(`${stem}.sqlite.copy`, readFileSync(file).subarray(0, 9))],
      [
        'when the log was moved',
        (file, stem) => {
          copyFileSync(file, `${stem}.sqlite`);
          writeFileSync(`${stem}.sqlite-wal`, 'log');
        },
      ],
      [
        'when the log was not moved yet',
        (file, stem) => {
          linkSync(file, `${stem}.sqlite`);
          writeFileSync(`${file}-wal`, 'log');
          writeFileSync(`${file}-shm`, 'shm');
        },
      ],
      [
        'when the new file was begun',
        (file, stem) => {
          renameSync(`${stem}.recovered`, join(file, '..', 'sessions.recovering'));
          writeFileSync(join(file, '..', 'sessions.recovering-journal'), 'half a page');
        },
      ],
    ];
    for (const [name, leave] of moments) {
      it(name, () =>
        withFolder(async (folder) => {
          const { damaged, stem } = await prepared(folder);
          leave(fileIn(folder), stem);
          const { store, warning } = await openSessionStore(folder);
          assert.match(warning ?? '', /damaged.*Recovered: 61 exchanges of 2 sessions/);
          assert.deepEqual(
            asides(folder).map((aside) => readFileSync(join(folder, aside)).equals(damaged)),
            [true],
          );
          assert.equal(store.read('s1')?.exchanges.length, 31);
          store.close();
          const left = readdirSync(folder).filter((file) => /recover|-wal$|-shm$/.test(file));
          const kept = left.filter((file) => !file.startsWith('sessions.damaged-') || !file.endsWith('-wal'));
          assert.deepEqual(kept, []);
        }),
      );
    }
  });

  it('has everything in the end, whenever it was killed', () =>
    withFolder(async (folder) => {
      await writeSessions(folder);
      const damaged = readFileSync(fileIn(folder)).fill(1, 0, 100);
      writeFileSync(fileIn(folder), damaged);
      const opener = new URL('../../../src/memory/openSessionStore.ts', import.meta.url).href;
      const script = `
        import { openSessionStore } from ${JSON.stringify(opener)};
        console.log('ready');
        (await openSessionStore(process.argv[1])).store.close();`;
      // Reading and writing take some 100 ms from when the modules are there.
      for (const delay of [5, 20, 40, 60, 80, 100, 120, 150]) {
        const child = spawn(process.execPath, ['--input-type=module', '-e', script, folder]);
        const exited = once(child, 'exit');
        await once(child.stdout, 'data');
        await sleep(delay);
        child.kill('SIGKILL');
        await exited;
        if (asides(folder).length > 0) assert.deepEqual(readFileSync(join(folder, asides(folder)[0] ?? '')), damaged);
      }
      const { store } = await openSessionStore(folder);
      assert.deepEqual(
        store
          .list()
          .map(({ id, exchanges }) => [id, exchanges])
          .sort(),
        [
          ['s1', 31],
          ['s2', 30],
        ],
      );
      store.close();
      assert.equal(asides(folder).length, 1);
    }));

  it('holds what is written after the file was moved away', () =>
    withFolder(async (folder) => {
      const store = await SqliteSessionStore.open(fileIn(folder));
      store.create({ id: 's1', title: '', createdAt: 500 });
      renameSync(fileIn(folder), join(folder, 'elsewhere'));
      assert.throws(
        () => store.appendTurn('s1', turn('a')),
        (error) => AnchorageError.is(error, 'storageUnavailable') && /moved away/.test(error.message),
      );
      store.close();
    }));
});
