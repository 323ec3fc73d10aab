import assert from 'node:assert/strict';
import type { SequenceView } from '../../../src/protocol/memory.ts';
import type { Exchange } from '../../../src/protocol/worker.ts';
import { exchangeOfSequence } from '../../../src/webview/exchangeOfSequence.ts';

function sequence(id: string, kind: SequenceView['kind']): SequenceView {
  const counts = { textTokens: 1, rows: 1, ratio: 1, bytes: 1 };
  return { id, kind, state: 'anchored', label: id, pinned: false, isWanted: false, ...counts };
}

function exchange(id: string, isForgotten = false): Exchange {
  const usage = { promptTokens: 1, answerTokens: 1, kvRows: 1, kvRowsFull: 1, prefillMs: 1, decodeMs: 1 };
  const rest = { attachments: [], rehydrated: [], siblings: [id], usage, isForgotten };
  return { id, question: id, answer: id, stopReason: 'endOfText', ...rest };
}

describe('exchangeOfSequence', () => {
  const sequences = [
    sequence('prefix', 'prefix'),
    sequence('first', 'exchange'),
    sequence('chunk', 'chunk'),
    sequence('third', 'exchange'),
    sequence('late chunk', 'chunk'),
  ];
  const exchanges = [exchange('e1'), exchange('e2', true), exchange('e3')];
  const of = (id: string): string | null => exchangeOfSequence(id, sequences, exchanges);

  it('finds the exchange of a question and of what was attached to it', () => {
    assert.deepEqual(['first', 'chunk', 'third'].map(of), ['e1', 'e3', 'e3']);
  });

  it('finds none for the instructions, for what is being answered, and for what is gone', () => {
    assert.deepEqual(['prefix', 'late chunk', 'gone'].map(of), [null, null, null]);
  });
});
