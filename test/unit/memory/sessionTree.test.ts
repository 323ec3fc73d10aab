import assert from 'node:assert/strict';
import { endOf, pathOf, shownExchanges } from '../../../src/memory/sessionTree.ts';
import type { StoredExchange } from '../../../src/memory/sessionStore.ts';

function exchange(id: string, parentId: string | null): StoredExchange {
  const usage = { promptTokens: 0, answerTokens: 0, kvRows: 0, kvRowsFull: 0, prefillMs: 0, decodeMs: 0 };
  const said = { question: id, answer: id, attachments: [], rehydrated: [], isForgotten: false, sequences: [] };
  return { id, parentId, ...said, stopReason: 'endOfText', usage };
}

// a ─ b ─ c
//   └ d ─ e
const exchanges = [exchange('a', null), exchange('b', 'a'), exchange('c', 'b'), exchange('d', 'a'), exchange('e', 'd')];
const ids = (path: readonly { readonly id: string }[]): string => path.map(({ id }) => id).join('');

describe('session tree', () => {
  it('shows the path to the head', () => {
    assert.equal(ids(pathOf({ exchanges, headId: 'c' })), 'abc');
    assert.equal(ids(pathOf({ exchanges, headId: 'c' }, 'd')), 'ad');
    assert.equal(ids(pathOf({ exchanges, headId: null })), '');
    assert.equal(ids(pathOf({ exchanges, headId: 'gone' })), '');
  });

  it('ends a branch at the exchange that was written last in it', () => {
    assert.equal(endOf(exchanges, 'b'), 'c');
    assert.equal(endOf(exchanges, 'a'), 'e');
    assert.equal(endOf(exchanges, 'e'), 'e');
  });

  it('ends where a damaged file goes in a circle', () => {
    const circle = [exchange('x', 'y'), exchange('y', 'x')];
    assert.equal(ids(pathOf({ exchanges: circle, headId: 'x' })), 'yx');
  });

  it('tells what else was asked in the same place', () => {
    const session = { id: 's', title: '', createdAt: 0, updatedAt: 0, exchanges, headId: 'e' };
    assert.deepEqual(
      shownExchanges(session).map(({ siblings }) => siblings.join('')),
      ['a', 'bd', 'e'],
    );
  });
});
