import assert from 'node:assert/strict';
import type { StoredExchange, StoredSession } from '../../../src/memory/sessionStore.ts';
import { faultsOf, Ledger } from '../../bench/crash/ledger.ts';
import { turn } from '../memory/memoryFixtures.ts';

function exchange(name: string, parentId: string | null): StoredExchange {
  const { exchange: stored } = turn(name, 1, parentId);
  const [chunk] = stored.sequences;
  assert.ok(chunk);
  const text = { kind: 'exchange', question: stored.question, answer: stored.answer } as const;
  return { ...stored, sequences: [chunk, { ...chunk, id: `sequence ${name}`, text, independent: false }] };
}

function session(exchanges: readonly StoredExchange[], headId: string | null): StoredSession {
  return { id: 's', title: 'Title', createdAt: 1, updatedAt: 1, headId, exchanges };
}

const [a, b] = [exchange('a', null), exchange('b', 'exchange a')];
const acknowledged = (of: StoredExchange): Parameters<Ledger['add']>[0] => {
  return { sessionId: 's', id: of.id, question: of.question, answer: of.answer, attached: 'text' };
};
const text = (): string => 'text';

describe('what was acknowledged', () => {
  it('is all there in a session that is sound', () => {
    const ledger = new Ledger();
    ledger.add(acknowledged(a));
    assert.equal(ledger.count, 1);
    assert.deepEqual(ledger.sessionIds, ['s']);
    assert.deepEqual(faultsOf(session([a, b], b.id), ledger.of('s'), text), []);
    assert.deepEqual(faultsOf(session([], null), ledger.of('other'), text), []);
  });

  it('is missed where it is lost, or another', () => {
    const expected = [acknowledged(a), acknowledged(b)];
    assert.deepEqual(faultsOf(session([a], a.id), expected, text), ['exchange exchange b is lost']);
    assert.equal(faultsOf(undefined, expected, text).length, 2);
    const other = { ...acknowledged(a), answer: 'Another.' };
    assert.deepEqual(faultsOf(session([a], a.id), [other], text), ['exchange exchange a is another']);
    const faults = faultsOf(session([a], a.id), [acknowledged(a)], () => 'other text');
    assert.deepEqual(faults, ['the attachment of exchange exchange a is another']);
  });

  it('tells where a tree is broken', () => {
    const broken: readonly [StoredSession, RegExp][] = [
      [session([b], b.id), /follows one that is not there/],
      [session([a, a], a.id), /is there twice/],
      [session([a], 'exchange z'), /the head exchange z is not there/],
      [session([a], null), /there is no head/],
      [session([{ ...a, sequences: a.sequences.slice(0, 1) }], a.id), /is not its text/],
      [session([{ ...a, sequences: a.sequences.slice(1) }], a.id), /the chunks .* are lost/],
    ];
    for (const [stored, fault] of broken) assert.match(faultsOf(stored, [], text).join('\n'), fault);
  });
});
