import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { MemorySessionStore } from '../../../src/memory/memorySessionStore.ts';
import { identifierParts } from '../../../src/memory/searchWords.ts';
import type { SessionStore, StoredTurn } from '../../../src/memory/sessionStore.ts';
import { SqliteSessionStore } from '../../../src/memory/sqliteSessionStore.ts';
import type { SearchHit } from '../../../src/protocol/worker.ts';
import { turn, withFolder } from './memoryFixtures.ts';

const fileIn = (folder: string): string => join(folder, 'sessions.sqlite');

function saying(name: string, title: string, question: string, chunk: string, updatedAt = 1000): StoredTurn {
  const { exchange, ...rest } = turn(name, updatedAt);
  const sequences = exchange.sequences.map((sequence) =>
    sequence.text.kind === 'chunk' ? { ...sequence, text: { ...sequence.text, text: chunk } } : sequence,
  );
  return { ...rest, title, exchange: { ...exchange, question, answer: 'Yes.', sequences } };
}

function fill(store: SessionStore): void {
  const sessions: readonly [string, StoredTurn[]][] = [
    [
      'parser',
      [saying('p1', 'Parsing bodies', 'What does parseHTTPBody do with naïve clients?', 'const max_body_size = 7;')],
    ],
    [
      'cache',
      [
        saying('c1', 'The cache', 'Why does the LRUCache evict so early?', 'class LRUCache { evictOldest() {} }'),
        saying('c2', 'The cache', 'And where is body kept? 🦊', '関数を読む'),
      ],
    ],
    ['empty', []],
  ];
  for (const [id, turns] of sessions) {
    store.create({ id, title: '', createdAt: 1 });
    for (const each of turns) store.appendTurn(id, each);
  }
}

const idsOf = (hits: readonly SearchHit[]): string[] => hits.map(({ session }) => session.id).sort();
const marked = ({ excerpt }: SearchHit): string[] => excerpt.flatMap(({ text, isMatch }) => (isMatch ? [text] : []));

describe('search in sessions', function () {
  this.timeout(20_000);

  const kinds: readonly [string, (folder: string) => SessionStore | Promise<SessionStore>][] = [
    ['FTS5', (folder) => SqliteSessionStore.open(fileIn(folder))],
    ['SQLite without FTS5', (folder) => SqliteSessionStore.open(fileIn(folder), { hasIndex: false })],
    ['memory', () => new MemorySessionStore()],
  ];
  for (const [name, open] of kinds) {
    const withStore = (test: (store: SessionStore) => void): Promise<void> =>
      withFolder(async (folder) => {
        const store = await open(folder);
        fill(store);
        test(store);
        store.close();
      });

    it(`finds whole words, their beginnings and the parts of identifiers (${name})`, () =>
      withStore((store) => {
        const expected: [string, string[]][] = [
          ['parseHTTPBody', ['parser']],
          ['parsehttp', ['parser']],
          ['http', ['parser']],
          ['body', ['cache', 'parser']],
          ['BODY', ['cache', 'parser']],
          ['max_body_size', ['parser']],
          ['size', ['parser']],
          ['evict old', ['cache']],
          ['oldest', ['cache']],
          ['naive', ['parser']],
          ['naïve', ['parser']],
          ['arsing', []],
          ['🦊', ['cache']],
          ['関数', ['cache']],
          ['読む', ['cache']],
          ['src/ü.ts', ['cache', 'parser']],
          ['ü.t', ['cache', 'parser']],
        ];
        for (const [query, ids] of expected) assert.deepEqual(idsOf(store.search(query, 9)), ids, query);
      }));

    it(`wants all the words, wherever in a session they are (${name})`, () =>
      withStore((store) => {
        assert.deepEqual(idsOf(store.search('body early', 9)), ['cache']);
        assert.deepEqual(idsOf(store.search('body evict 🦊', 9)), ['cache']);
        assert.deepEqual(idsOf(store.search('body early http', 9)), []);
      }));

    it(`takes nothing that is typed for syntax (${name})`, () =>
      withStore((store) => {
        const queries = [
          'body AND (',
          '"',
          '""',
          '*',
          '-',
          'NOT',
          'a:b',
          '^body',
          'body*',
          'NEAR(',
          '\0',
          "'; --",
          '{',
          '+',
        ];
        const odd = ['x'.repeat(1000), '"'.repeat(1000), '\ud800', 'a '.repeat(500), '%', '_', '\\', '\u0301', '٣'];
        for (const query of [...queries, ...odd]) assert.ok(Array.isArray(store.search(query, 9)), query);
        assert.deepEqual(idsOf(store.search('"body" (', 9)), ['cache', 'parser']);
        assert.deepEqual(idsOf(store.search('body\0evict', 9)), ['cache']);
        assert.deepEqual(store.search('   ', 9), []);
        assert.deepEqual(store.search('body NOT', 9), []);
      }));

    it(`gives the place and an excerpt that marks the words (${name})`, () =>
      withStore((store) => {
        const [title] = store.search('parsing', 9);
        assert.deepEqual(title, {
          session: { id: 'parser', title: 'Parsing bodies', updatedAt: 1000, exchanges: 1 },
          exchangeId: null,
          excerpt: [
            { text: 'Parsing', isMatch: true },
            { text: ' bodies', isMatch: false },
          ],
        });
        const [question] = store.search('http clients', 9);
        assert.ok(question !== undefined);
        assert.deepEqual([question.exchangeId, marked(question)], ['exchange p1', ['HTTP', 'clients']]);
        assert.equal(
          question.excerpt.map(({ text }) => text).join(''),
          'What does parseHTTPBody do with naïve clients? Yes.',
        );
        assert.deepEqual(store.search('body', 1).length, 1);
        assert.deepEqual(store.search('body', 0), []);
      }));

    it(`is in step with renaming, forgetting and deleting (${name})`, () =>
      withStore((store) => {
        store.rename('parser', 'Something else');
        assert.deepEqual(store.search('parsing', 9), []);
        assert.deepEqual(idsOf(store.search('something', 9)), ['parser']);
        store.forget('cache', 'chunk c1', 'The cache');
        assert.deepEqual(store.search('oldest', 9), []);
        store.forget('cache', 'sequence c1', 'The cache');
        assert.deepEqual(store.search('early', 9), []);
        store.delete('cache');
        assert.deepEqual(idsOf(store.search('body', 9)), ['parser']);
      }));
  }

  it('cuts an excerpt round the first of the words', () => {
    const store = new MemorySessionStore();
    store.create({ id: 's', title: '', createdAt: 1 });
    const long = `${'before 🦊 '.repeat(100)}needle\n\n${'after 🦊 '.repeat(100)}`;
    store.appendTurn('s', saying('a', 'T', long, ''));
    const [hit] = store.search('needle', 1);
    assert.ok(hit !== undefined);
    const text = hit.excerpt.map((part) => part.text).join('');
    assert.match(text, /^… .*before 🦊 needle after 🦊 .* …$/u);
    assert.ok(text.length < 300 && text.isWellFormed());
  });

  it('is the same whether the index was there when a session was written, or was made later', () =>
    withFolder(async (folder) => {
      const without = await SqliteSessionStore.open(fileIn(folder), { hasIndex: false });
      fill(without);
      without.close();
      const withIndex = await SqliteSessionStore.open(fileIn(folder));
      assert.deepEqual(idsOf(withIndex.search('body', 9)), ['cache', 'parser']);
      withIndex.close();
      const again = await SqliteSessionStore.open(fileIn(folder), { hasIndex: false });
      again.delete('cache');
      again.close();
      const last = await SqliteSessionStore.open(fileIn(folder));
      assert.deepEqual(idsOf(last.search('body', 9)), ['parser']);
      last.close();
      const database = new DatabaseSync(fileIn(folder));
      database.exec("INSERT INTO search (search, rank) VALUES ('integrity-check', 1)");
      database.close();
    }));

  it('holds on to nothing: what another process has written is written after at once', () =>
    withFolder(async (folder) => {
      const [one, other] = [
        await SqliteSessionStore.open(fileIn(folder)),
        await SqliteSessionStore.open(fileIn(folder)),
      ];
      fill(one);
      assert.equal(one.search('body', 1).length, 1);
      other.rename('parser', 'Renamed');
      one.rename('cache', 'Renamed too');
      assert.equal(one.search('renamed', 9).length, 2);
      one.close();
      other.close();
    }));

  it('knows the parts of identifiers', () => {
    const parts: [string, string][] = [
      ['parseHTTPBody', 'parse http body'],
      ['max_body_size', 'max body size'],
      ['__init__', 'init'],
      ['utf8Decoder2', 'utf 8 decoder 2'],
      ['plain', ''],
      ['CONST', ''],
      ['ÜberÉtat', 'uber etat'],
      ['a.bC', 'b c'],
    ];
    for (const [identifier, expected] of parts) assert.equal(identifierParts(identifier), expected, identifier);
  });
});
