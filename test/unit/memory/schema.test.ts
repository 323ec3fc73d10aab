import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { openSessionStore } from '../../../src/memory/openSessionStore.ts';
import { recoverSessions } from '../../../src/memory/recoverSessions.ts';
import { pathOf } from '../../../src/memory/sessionTree.ts';
import { withFolder } from './memoryFixtures.ts';

/** Schema 1, as it was released. */
const firstSchema = `
  PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; PRAGMA secure_delete = ON;
  CREATE TABLE migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at INTEGER NOT NULL) STRICT;
  INSERT INTO migrations VALUES (1, 'sessions, exchanges, attachments, sequences, anchors', 1);
  CREATE TABLE sessions (
    id TEXT PRIMARY KEY, title TEXT NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE exchanges (
    id TEXT PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES sessions(id) ON DELETE CASCADE,
    position INTEGER NOT NULL, question TEXT NOT NULL, answer TEXT NOT NULL, stop_reason TEXT NOT NULL,
    usage TEXT NOT NULL,
    UNIQUE (session_id, position)
  ) STRICT;
  CREATE TABLE attachments (
    exchange_id TEXT NOT NULL REFERENCES exchanges(id) ON DELETE CASCADE,
    position INTEGER NOT NULL, kind TEXT NOT NULL, path TEXT NOT NULL, language_id TEXT NOT NULL,
    start_line INTEGER NOT NULL, text TEXT NOT NULL,
    PRIMARY KEY (exchange_id, position)
  ) STRICT;
  CREATE TABLE sequences (
    id TEXT PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES sessions(id) ON DELETE CASCADE,
    position INTEGER NOT NULL, text TEXT NOT NULL, tokens INTEGER NOT NULL,
    ratio INTEGER NOT NULL, choice TEXT NOT NULL, independent INTEGER NOT NULL, anchor_key TEXT,
    UNIQUE (session_id, position)
  ) STRICT;
  CREATE INDEX sequences_by_anchor ON sequences(anchor_key);
  CREATE TABLE anchors (key TEXT PRIMARY KEY, written_at INTEGER NOT NULL, bytes BLOB NOT NULL) STRICT;
`;

/** Sequences of each turn: chunks before its exchange. */
const chunksOf = [2, 0, 1, 0, 3];

/** Two sessions of schema 1 with the same turns, written by turns. */
function writeFirst(file: string): void {
  const database = new DatabaseSync(file);
  database.exec(firstSchema);
  const usage = JSON.stringify({
    promptTokens: 1,
    answerTokens: 2,
    kvRows: 3,
    kvRowsFull: 4,
    prefillMs: 5,
    decodeMs: 6,
  });
  for (const id of ['s1', 's2']) database.prepare('INSERT INTO sessions VALUES (?, ?, 1, 2)').run(id, `Title ${id}`);
  database.exec("INSERT INTO sessions VALUES ('empty', '', 1, 2)");
  const positions = new Map([
    ['s1', 0],
    ['s2', 0],
  ]);
  chunksOf.forEach((chunks, index) => {
    for (const [session, position] of positions) {
      const exchange = `${session} e${index}`;
      const question = `question ${index}`;
      database
        .prepare('INSERT INTO exchanges VALUES (?, ?, ?, ?, ?, ?, ?)')
        .run(exchange, session, index, question, `answer\0 ${index}`, 'endOfText', usage);
      const texts = Array.from({ length: chunks }, (_, at) => {
        return {
          kind: 'chunk',
          path: 'a.ts',
          languageId: 'ts',
          startLine: at + 1,
          endLine: at + 1,
          text: `chunk${at}`,
        };
      });
      if (chunks > 0) {
        database
          .prepare("INSERT INTO attachments VALUES (?, 0, 'file', 'a.ts', 'ts', 1, ?)")
          .run(exchange, 'ü\0\nb\nc' + '\n'.repeat(index % 2));
      }
      [...texts, { kind: 'exchange', question, answer: `answer\0 ${index}` }].forEach((text, at) => {
        const id = `${exchange} q${at}`;
        database
          .prepare("INSERT INTO sequences VALUES (?, ?, ?, ?, 5, 8, 'stride', ?, ?)")
          .run(id, session, position + at, JSON.stringify(text), text.kind === 'chunk' ? 1 : 0, `key ${id}`);
        database.prepare('INSERT INTO anchors VALUES (?, 1, ?)').run(`key ${id}`, new Uint8Array(20_000));
      });
      positions.set(session, position + chunks + 1);
    }
  });
  database.close();
}

describe('schema of the store', function () {
  this.timeout(20_000);

  it('carries sessions over that were lists', () =>
    withFolder(async (folder) => {
      const file = join(folder, 'sessions.sqlite');
      writeFirst(file);
      const before = readFileSync(file).length;
      const { store, warning } = await openSessionStore(folder);
      assert.equal(warning, null);
      assert.deepEqual(
        store.list().map(({ id, exchanges }) => [id, exchanges]),
        [
          ['s2', 5],
          ['s1', 5],
        ],
      );
      for (const id of ['s1', 's2']) {
        const session = store.read(id) ?? assert.fail();
        assert.deepEqual(
          pathOf(session).map((exchange) => [exchange.id, exchange.sequences.map((sequence) => sequence.id)]),
          chunksOf.map((chunks, index) => [
            `${id} e${index}`,
            Array.from({ length: chunks + 1 }, (_, at) => `${id} e${index} q${at}`),
          ]),
        );
        assert.equal(session.exchanges[2]?.answer, 'answer\0 2');
        assert.deepEqual(session.exchanges[0]?.attachments[0]?.lines, 3);
        assert.deepEqual(session.exchanges[4]?.attachments[0]?.lines, 3);
        const sequences = session.exchanges.flatMap((exchange) => exchange.sequences);
        assert.ok(sequences.every(({ anchorKey, spilled, pinned }) => anchorKey === null && !spilled && !pinned));
      }
      assert.equal(store.readAnchors('key s1 e0 q0'), undefined);
      assert.equal(store.search('chunk2', 9).length, 2);
      assert.equal(store.search('title s1', 9)[0]?.exchangeId, null);
      store.close();
      assert.ok(readFileSync(file).length < before / 2, 'room of the anchors is given back');
    }));

  it('recovers a damaged file of schema 1', () =>
    withFolder((folder) => {
      const file = join(folder, 'sessions.sqlite');
      writeFirst(file);
      writeFileSync(file, readFileSync(file).fill(0, 0, 4096));
      const sessions = recoverSessions(file).map(({ session }) => session);
      assert.deepEqual(sessions.map(({ id, exchanges }) => [id, exchanges.length]).sort(), [
        ['empty', 0],
        ['s1', 5],
        ['s2', 5],
      ]);
      const session = sessions.find(({ id }) => id === 's1') ?? assert.fail();
      assert.deepEqual(
        pathOf(session).map(({ sequences }) => sequences.length),
        chunksOf.map((chunks) => chunks + 1),
      );
    }));

  it('opens a file that the process was ended in while it was made', () =>
    withFolder(async (folder) => {
      writeFileSync(join(folder, 'sessions.sqlite'), '');
      const { store, warning } = await openSessionStore(folder);
      assert.equal(warning, null);
      assert.deepEqual(store.list(), []);
      store.close();
    }));
});
