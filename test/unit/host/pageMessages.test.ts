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
      ].map((type) => ({ type })),
      { type: 'removeAttachment', id: '1' },
      { type: 'openSession', sessionId: 's' },
      { type: 'deleteSession', sessionId: 's' },
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
    ];
    for (const [index, message] of messages.entries()) {
      assert.equal(pageMessageSchema.safeParse(message).success, false, `message ${index}`);
    }
  });
});
