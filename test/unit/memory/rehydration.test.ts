import assert from 'node:assert/strict';
import { planRehydration } from '../../../src/memory/rehydrationPlan.ts';
import type { SequenceText, SessionSequence } from '../../../src/memory/sessionSequence.ts';
import { TextIndex } from '../../../src/memory/textIndex.ts';
import { wordsOf } from '../../../src/memory/words.ts';

const texts: readonly (readonly [string, SequenceText])[] = [
  ['lru', chunk('src/lru.ts', 'export class LruCache { evictOldest() { this.map.delete(key); } }')],
  ['http', chunk('src/http.ts', 'async function fetchWithRetry(url, retry_count) { await wait(backoffMs); }')],
  ['port', exchange('Which port does the staging server use?', 'It listens on port 48213.')],
  ['colour', exchange('What colour is the logo?', 'The logo is teal.')],
  ['db', exchange('Which database does the staging server use?', 'PostgreSQL 16, on the same host.')],
];

function chunk(path: string, text: string): SequenceText {
  return { kind: 'chunk', path, languageId: 'typescript', startLine: 1, endLine: 1, text };
}

function exchange(question: string, answer: string): SequenceText {
  return { kind: 'exchange', question, answer };
}

function sequence(id: string, text: SequenceText, tokens = 60): SessionSequence {
  const holding = { ratio: 8, choice: 'window', anchorKey: null, spilled: false, pinned: false } as const;
  return { id, text, tokens, independent: false, ...holding, attention: 1, usedAt: 0 };
}

const sequences = texts.map(([id, text]) => sequence(id, text));

describe('rehydration', () => {
  const index = new TextIndex();
  before(() => index.follow(sequences));

  function picked(question: string, more: Partial<Parameters<typeof planRehydration>[0]> = {}): string[] {
    const words = wordsOf(question);
    const plan = planRehydration({
      sequences,
      wanted: new Set(),
      words,
      matches: index.find(words),
      salience: new Map(),
      tokens: 512,
      ...more,
    });
    assert.ok(plan !== null);
    return plan.map(({ sequence: { id }, why }) => `${id} ${why.kind}`);
  }

  it('takes the words that say what a question is about', () => {
    const words = wordsOf('What does fetchWithRetry do, and why is `retry_count` 3 there? FetchWithRetry!');
    assert.deepEqual(words, [
      { text: 'fetchWithRetry', isName: true },
      { text: 'retry_count', isName: true },
      { text: '3', isName: true },
    ]);
    assert.deepEqual(wordsOf('Why?'), []);
    assert.deepEqual(
      wordsOf('Welche Größe hat der Puffer?').map(({ text }) => text),
      ['Welche', 'Größe', 'hat', 'der', 'Puffer'],
    );
  });

  it('finds identifiers by their parts', () => {
    assert.equal(index.find(wordsOf('Is there a retry?'))[0]?.id, 'http');
    assert.equal(index.find(wordsOf('What is the backoff?'))[0]?.id, 'http');
    assert.equal(index.find(wordsOf('the oldest entry is evicted where?'))[0]?.id, 'lru');
  });

  it('reads again what has the question’s rare words, and says which', () => {
    assert.deepEqual(picked('How does evictOldest work?'), ['lru words']);
    assert.deepEqual(picked('Which port does the staging server use?'), ['port words']);
    const [first] = index.find(wordsOf('Which port does the staging server use?'));
    assert.equal(first?.words[0], 'port');
  });

  it('reads nothing again where the session has nothing of it', () => {
    assert.deepEqual(picked('How do I bake bread with rye?'), []);
    assert.deepEqual(picked('Quantum chromodynamics'), []);
  });

  it('takes a message with a text of its own to be about that text, unless most of it was said before', () => {
    const told =
      'production servers listen upon 8080 behind nginx, retries capped, logs rotated nightly, metrics scraped';
    assert.deepEqual(picked('The staging server port?'), ['port words']);
    assert.deepEqual(picked(`The staging server port: ${told}. What is it about?`), []);
    const trace =
      'fetchWithRetry retry_count backoffMs url wait: at src http failed after several attempts, connection refused';
    assert.deepEqual(picked(`${trace}. Why?`), ['http words']);
  });

  it('reads two where both are as good, and never more by itself', () => {
    assert.deepEqual(picked('staging server'), ['port words', 'db words']);
    const many = Array.from({ length: 6 }, (_, i) => ({
      id: sequences[i % 5]?.id ?? '',
      weight: 1,
      coverage: 1,
      words: ['w'],
    }));
    assert.equal(picked('w1', { matches: many }).length, 2);
  });

  it('reads again what was told, not what was answered when the same was asked before', () => {
    const said = sequence('said', exchange('Please note: the retry delay of the mailer on canary is 4711.', 'Noted.'));
    const question = 'What is the retry delay of the mailer on canary?';
    const echoes = ['1', '2', '3'].map((id) => sequence(id, exchange(question, `The retry delay is ${id}.`)));
    const repeated = [said, ...echoes];
    const own = new TextIndex();
    const words = wordsOf(question);
    const ids = (of: readonly SessionSequence[], salience: ReadonlyMap<string, number> | null): unknown => {
      own.follow(of);
      const known = { sequences: of, wanted: new Set<string>(), words, tokens: 512 };
      return planRehydration({ ...known, matches: own.find(words), salience })?.map(({ sequence: { id } }) => id);
    };
    assert.deepEqual(ids(repeated, null), ['said'], 'without reading the question for its attention');
    assert.deepEqual(ids(echoes, new Map([['2', 9]])), ['2'], 'where nothing else has it, what was answered before');
    assert.equal(ids(echoes, null), undefined, 'and which of them, attention decides');
  });

  it('takes a question that says nothing by itself to be about the exchange before', () => {
    assert.deepEqual(picked('Why?'), ['db followUp']);
    assert.deepEqual(picked('And then?', { sequences: [] }), []);
    assert.deepEqual(picked('Explain this', { sequences: sequences.slice(0, 2) }), [], 'a file was just attached');
  });

  it('goes by attention only where words do not decide and one stands out', () => {
    const salience = new Map([
      ['colour', 7],
      ['lru', 0.5],
    ]);
    assert.deepEqual(picked('Unknowable thing', { salience }), ['colour attention']);
    assert.deepEqual(picked('Unknowable thing', { salience: new Map([['colour', 5]]) }), []);
    assert.deepEqual(picked('How does evictOldest work?', { salience }), ['lru words']);
  });

  it('has the question read only where its words do not tell', () => {
    const unread = (question: string): unknown => {
      const words = wordsOf(question);
      const matches = index.find(words);
      const known = { sequences, wanted: new Set<string>(), words, matches, tokens: 512 };
      return planRehydration({ ...known, salience: null });
    };
    assert.equal(unread('staging server'), null);
    assert.equal(unread('Unknowable thing'), null);
    assert.ok(Array.isArray(unread('How does evictOldest work?')));
    assert.ok(Array.isArray(unread('Why?')));
  });

  it('keeps to its tokens, but for what the user wants', () => {
    assert.deepEqual(picked('How does evictOldest work?', { tokens: 59 }), []);
    assert.deepEqual(picked('How does evictOldest work?', { tokens: 0, wanted: new Set(['colour']) }), ['colour user']);
  });

  it('follows the session: what was forgotten is not found', () => {
    index.follow(sequences.slice(1));
    assert.deepEqual(index.find(wordsOf('evictOldest')), []);
    index.follow(sequences);
    assert.equal(index.find(wordsOf('evictOldest')).length, 1);
  });

  it('is not led astray by what looks like a query', () => {
    for (const question of ['" OR * NEAR(', 'lru"; DROP TABLE texts', 'a AND b NOT c', '\u0000 null']) {
      assert.doesNotThrow(() => index.find(wordsOf(question)), question);
    }
  });
});
