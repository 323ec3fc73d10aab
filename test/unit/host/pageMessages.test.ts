import assert from 'node:assert/strict';
import { pageMessageSchema } from '../../../src/host/chat/pageMessages.ts';

describe('messages of the chat page', () => {
  it('are taken in every form the protocol has', () => {
    const messages = [
      { type: 'ready' },
      { type: 'ask', text: 'why?' },
      ...[
        'stop',
        'newSession',
        'attachSelection',
        'attachFile',
        'restartWorker',
        'showLog',
        'retry',
        'listSessions',
        'importSession',
      ].map((type) => ({ type })),
      { type: 'removeAttachment', id: '1' },
      { type: 'openSession', sessionId: 's', exchangeId: null },
      { type: 'openSession', sessionId: 's', exchangeId: 'e' },
      { type: 'deleteSession', sessionId: 's' },
      { type: 'renameSession', sessionId: 's', title: 'Loans' },
      { type: 'exportSession', sessionId: 's', format: 'markdown' },
      { type: 'searchSessions', query: 'loan' },
      { type: 'edit', exchangeId: 'e', text: '' },
      { type: 'selectBranch', exchangeId: 'e' },
      { type: 'sequenceText', sequenceId: 'q' },
      { type: 'actOnSequence', sequenceId: 'q', action: 'forget' },
      { type: 'copy', text: 'a' },
      { type: 'insert', text: '' },
    ];
    for (const message of messages) {
      assert.deepEqual(pageMessageSchema.parse(message), message);
    }
  });

  it('are refused in any other', () => {
    const messages = [
      null,
      'ready',
      {},
      { type: 'eval', text: 'x' },
      { type: 'ask' },
      { type: 'ask', text: 1 },
      { type: 'ask', text: 'x'.repeat((1 << 20) + 1) },
      { type: 'openSession', sessionId: '' },
      { type: 'openSession', sessionId: '../'.repeat(100) },
      { type: 'removeAttachment', id: {} },
      { type: 'openSession', sessionId: 's' },
      { type: 'renameSession', sessionId: 's', title: ' \n' },
      { type: 'renameSession', sessionId: 's', title: 'x'.repeat(201) },
      { type: 'exportSession', sessionId: 's', format: '../../passwd' },
      { type: 'searchSessions', query: 'x'.repeat(1001) },
      { type: 'actOnSequence', sequenceId: 'q', action: 'erase' },
      { type: 'edit', exchangeId: '', text: '' },
    ];
    for (const [index, message] of messages.entries()) {
      assert.equal(pageMessageSchema.safeParse(message).success, false, `message ${index}`);
    }
  });
});
