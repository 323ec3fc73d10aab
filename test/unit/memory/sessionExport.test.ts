import assert from 'node:assert/strict';
import { join } from 'node:path';
import { exportFileName, exportJson, exportMarkdown } from '../../../src/memory/sessionExport.ts';
import { parseSession } from '../../../src/memory/sessionImport.ts';
import { MemorySessionStore } from '../../../src/memory/memorySessionStore.ts';
import type { StoredSession } from '../../../src/memory/sessionStore.ts';
import { SqliteSessionStore } from '../../../src/memory/sqliteSessionStore.ts';
import { AnchorageError } from '../../../src/protocol/errors.ts';
import { newHolding, turn, withFolder } from './memoryFixtures.ts';

/** A tree with two branches, a forgotten chunk, and a sequence that was read again. */
function written(): MemorySessionStore {
  const store = new MemorySessionStore();
  store.create({ id: 's1', title: '', createdAt: 500 });
  store.appendTurn('s1', turn('a'));
  const b = turn('b', 2000, 'exchange a');
  const why = { kind: 'attention' } as const;
  const rehydrated = [{ sequenceId: 'sequence a', label: 'What is a?', tokens: 12, why }];
  store.appendTurn('s1', { ...b, exchange: { ...b.exchange, rehydrated } });
  store.appendTurn('s1', turn('b2', 3000, 'exchange a'));
  store.forget('s1', 'chunk b', 'About b2');
  const holding = { ...newHolding, anchorKey: 'key', pinned: true };
  store.writeHoldings('s1', [{ id: 'sequence a', holding }]);
  return store;
}

/** A session with its ids by their order, so that two can be compared. */
function renamed(session: StoredSession): unknown {
  const ids = new Map<string, string>();
  const text = JSON.stringify(session, (key, value: unknown) => {
    if (typeof value !== 'string' || !/^(id|parentId|headId|sequenceId)$/.test(key)) return value;
    ids.set(value, ids.get(value) ?? `#${ids.size}`);
    return ids.get(value);
  });
  return JSON.parse(text);
}

describe('export and import of sessions', function () {
  this.timeout(20_000);

  const store = written();
  const session = store.read('s1') ?? assert.fail();
  const json = exportJson(session, (id) => store.attachments(id));

  it('gives back the whole tree, with new ids, without anchors', () => {
    const { session: parsed, attachments } = parseSession(json);
    const exchanges = session.exchanges.map(({ sequences, ...rest }) => ({
      ...rest,
      sequences: sequences.map((sequence) => ({ ...sequence, anchorKey: null })),
    }));
    assert.deepEqual(renamed(parsed), renamed({ ...session, exchanges }));
    assert.deepEqual(
      parsed.exchanges.map(({ id }) => attachments.get(id)),
      session.exchanges.map(({ id }) => store.attachments(id)),
    );
    assert.ok(!json.includes('"key"'));
  });

  it('makes two sessions of a file that is imported twice', () =>
    withFolder(async (folder) => {
      const database = await SqliteSessionStore.open(join(folder, 'sessions.sqlite'));
      const ids = [1, 2].map(() => {
        const { session: parsed, attachments } = parseSession(json);
        database.importSession(parsed, attachments);
        assert.deepEqual(database.read(parsed.id), parsed);
        for (const { id } of parsed.exchanges) assert.deepEqual(database.attachments(id), attachments.get(id));
        return parsed.id;
      });
      assert.equal(new Set(ids).size, 2);
      assert.equal(database.list().length, 2);
      assert.equal(database.search('fox', 9).length, 2);
      database.close();
    }));

  it('writes an import whole or not at all', () =>
    withFolder(async (folder) => {
      const database = await SqliteSessionStore.open(join(folder, 'sessions.sqlite'));
      const { session: parsed, attachments } = parseSession(json);
      const twice = { ...parsed, exchanges: [...parsed.exchanges, ...parsed.exchanges] };
      assert.throws(
        () => database.importSession(twice, attachments),
        (error) => AnchorageError.is(error),
      );
      assert.equal(database.read(parsed.id), undefined);
      assert.deepEqual(database.search('fox', 9), []);
      database.close();
    }));

  type Json = { session: { exchanges: Record<string, unknown>[] } & Record<string, unknown> } & Record<string, unknown>;
  const changes: readonly [string, RegExp, (file: Json) => void][] = [
    ['another format', /format/, (file) => (file.format = 'other')],
    ['no exchanges', /session\.exchanges/, (file) => delete (file.session as Record<string, unknown>).exchanges],
    ['a title that is no text', /session\.title/, (file) => (file.session.title = 7)],
    ['an unknown parent', /exchanges\.1\.parentId/, ({ session: s }) => (at(s.exchanges, 1).parentId = 'none')],
    ['a cycle', /exchanges\.0\.parentId/, ({ session: s }) => (at(s.exchanges, 0).parentId = 'exchange b')],
    ['its own parent', /exchanges\.0\.parentId/, ({ session: s }) => (at(s.exchanges, 0).parentId = 'exchange a')],
    ['a child before its parent', /exchanges\.0\.parentId/, ({ session: s }) => void s.exchanges.reverse()],
    ['an id twice', /exchanges\.1\.id/, ({ session: s }) => (at(s.exchanges, 1).id = 'exchange a')],
    [
      'a sequence twice',
      /sequences\.0\.id/,
      ({ session: s }) => (at(s.exchanges, 1).sequences = at(s.exchanges, 0).sequences),
    ],
    ['an unknown head', /headId/, ({ session: s }) => (s.headId = 'none')],
    ['no head', /headId/, ({ session: s }) => (s.headId = null)],
    ['a ratio of nothing', /sequences\.0\.ratio/, ({ session: s }) => (sequence(s.exchanges).ratio = 0)],
    ['a time in the past', /createdAt/, ({ session: s }) => (s.createdAt = -1)],
  ];
  for (const [name, field, change] of changes) {
    it(`refuses a file with ${name}, by the field`, () => {
      const file = JSON.parse(json) as Json;
      change(file);
      assert.throws(
        () => parseSession(JSON.stringify(file)),
        (error) => AnchorageError.is(error, 'fileInvalid') && field.test(error.message) && error.remedy !== '',
      );
    });
  }

  it('refuses what is no JSON, and what a newer Anchorage has exported', () => {
    for (const text of ['', 'Dear diary', '{"format":"anchorage-session"', 'null', '[]', '7']) {
      assert.throws(
        () => parseSession(text),
        (error) => AnchorageError.is(error, 'fileInvalid'),
        text,
      );
    }
    const newer = JSON.stringify({ format: 'anchorage-session', version: 2, other: true });
    assert.throws(
      () => parseSession(newer),
      (error) => AnchorageError.is(error, 'versionMismatch') && /Update/.test(error.remedy),
    );
  });

  it('survives any truncation and any changed value', () => {
    for (let length = 0; length < json.length - 2; length += 97) {
      assert.throws(
        () => parseSession(json.slice(0, length)),
        (error) => AnchorageError.is(error),
      );
    }
    const values = [null, -1, 1e99, '', 'x', [], {}, true];
    const places = [...json.matchAll(/: ("[^"]*"|\d+|null|true|false)/g)].slice(0, 120);
    for (const [index, { 0: match, index: from }] of places.entries()) {
      const value = JSON.stringify(values[index % values.length]);
      try {
        parseSession(`${json.slice(0, from)}: ${value}${json.slice(from + match.length)}`);
      } catch (error) {
        assert.ok(AnchorageError.is(error), String(error));
      }
    }
  });

  it('writes the branch that is shown as Markdown', () => {
    const markdown = exportMarkdown(session);
    assert.match(
      markdown,
      /^# About b2\n\n## 1\n\n```text\nWhat is a\?\n```\n\nAttached:\n\n- `src\/ü\.ts`, lines 1-2\n/,
    );
    assert.ok(markdown.includes('What is b2?') && !markdown.includes('What is b?'));
    assert.ok(markdown.endsWith("of 'quotes'.\n"));
    store.forget('s1', 'sequence b2', '');
    const forgotten = exportMarkdown(store.read('s1') ?? assert.fail());
    assert.match(forgotten, /^# Session\n/);
    assert.match(forgotten, /## 2\n\n\*Forgotten\.\*/);
  });

  it('has fences that nothing inside ends, and closes what an answer left open', () => {
    const memory = new MemorySessionStore();
    memory.create({ id: 's', title: '', createdAt: 1 });
    const { exchange, ...rest } = turn('a');
    const question = 'What is\n````\nthis?';
    memory.appendTurn('s', {
      ...rest,
      title: '# A *title*\nin two',
      exchange: { ...exchange, question, answer: 'So:\n~~~ts\nlet a' },
    });
    const markdown = exportMarkdown(memory.read('s') ?? assert.fail());
    assert.ok(markdown.startsWith('# \\# A \\*title\\* in two\n'));
    assert.ok(markdown.includes('`````text\nWhat is\n````\nthis?\n`````\n'));
    assert.ok(markdown.endsWith('~~~ts\nlet a\n~~~\n'));
  });

  it('names a file as every system takes it', () => {
    const names: [string, string][] = [
      ['How does a/b\\c work?', 'How does a b c work.md'],
      ['../../etc/passwd', 'etc passwd.md'],
      ['', 'session.md'],
      ['...', 'session.md'],
      ['con', 'session con.md'],
      ['LPT1.txt', 'session LPT1.txt.md'],
      ['.hidden', 'hidden.md'],
      ['-rf', 'rf.md'],
      ['a\u0000b\nc\u202Ed\ud800', 'a b c d.md'],
      ['trailing. . ', 'trailing.md'],
    ];
    for (const [title, name] of names) assert.equal(exportFileName(title, 'markdown'), name);
    const long = exportFileName('🦊ü'.repeat(200), 'json');
    assert.ok(Buffer.byteLength(long) < 200 && long.isWellFormed() && long.endsWith('.json'));
  });

  function at(exchanges: readonly Record<string, unknown>[], index: number): Record<string, unknown> {
    return exchanges[index] ?? assert.fail();
  }

  function sequence(exchanges: readonly Record<string, unknown>[]): Record<string, unknown> {
    const [first] = at(exchanges, 0).sequences as Record<string, unknown>[];
    return first ?? assert.fail();
  }
});
