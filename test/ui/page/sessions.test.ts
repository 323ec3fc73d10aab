import assert from 'node:assert/strict';
import { chatState } from './chatStates.ts';
import { useChat } from './useChat.ts';
import type { ChatTab } from './chatHarness.ts';

async function openList(chat: ChatTab): Promise<void> {
  await chat.show(chatState({ sessionId: 'session-1', title: 'Closures' }));
  await chat.page.getByRole('button', { name: 'Sessions' }).press('Enter');
  await chat.untilSent('listSessions');
  const now = Date.now();
  await chat.post({
    type: 'sessions',
    sessions: [
      { id: 'session-1', title: 'Closures', updatedAt: now - 3 * 60_000, exchanges: 4 },
      { id: 'session-2', title: '', updatedAt: now, exchanges: 1 },
    ],
  });
  await chat.page.locator('.session').nth(1).waitFor();
}

describe('chat page: sessions', function () {
  this.timeout(10_000);
  const open = useChat();

  it('lists them, the newest first, and opens one', async () => {
    const chat = await open();
    await openList(chat);
    const texts = await chat.page.locator('.session-open').allInnerTexts();
    assert.deepEqual(
      texts.map((text) => text.replace(/\s+/g, ' ')),
      ['Untitled session 1 exchange, this minute', 'Closures 4 exchanges, 3 minutes ago, open now'],
    );
    await chat.page.locator('.session-open').nth(0).click();
    assert.deepEqual(await chat.untilSent('openSession'), { type: 'openSession', sessionId: 'session-2' });
    assert.equal(await chat.page.getByRole('dialog').isVisible(), false);
    assert.equal(await chat.page.evaluate(`document.activeElement.tagName`), 'TEXTAREA');
  });

  it('deletes one after a second click, and not after Keep', async () => {
    const chat = await open();
    await openList(chat);
    await chat.page.getByRole('button', { name: 'Delete Closures' }).click();
    await chat.page.getByRole('button', { name: 'Keep' }).click();
    assert.ok(!chat.sent.some(({ type }) => type === 'deleteSession'));
    await chat.page.getByRole('button', { name: 'Delete Closures' }).click();
    await chat.page.getByRole('button', { name: 'Delete for good: Closures' }).click();
    assert.deepEqual(await chat.untilSent('deleteSession'), { type: 'deleteSession', sessionId: 'session-1' });
    await chat.post({ type: 'sessions', sessions: [] });
    await chat.page.getByText('No sessions yet').waitFor();
  });

  it('keeps the keyboard inside while it is open and gives the focus back', async () => {
    const chat = await open();
    await openList(chat);
    const focused = `document.activeElement.getAttribute('aria-label') ?? document.activeElement.className`;
    const seen = new Set<unknown>();
    for (let step = 0; step < 12; step++) {
      await chat.page.keyboard.press('Tab');
      seen.add(await chat.page.evaluate(focused));
    }
    assert.ok(!seen.has('Ask Anchorage') && seen.has('session-open'), [...seen].join());
    await chat.page.getByRole('button', { name: 'Close' }).focus();
    await chat.page.keyboard.press('Escape');
    assert.equal(await chat.page.evaluate(focused), 'Sessions');
    assert.ok(!chat.sent.some(({ type }) => type === 'stop'));
  });

  it('makes room for an error, which it would cover', async () => {
    const chat = await open();
    await openList(chat);
    const error = { message: 'The session cannot be deleted.', remedy: 'Make room.', action: null };
    await chat.show(chatState({ sessionId: 'session-1', title: 'Closures', error }));
    assert.equal(await chat.page.getByRole('dialog').isVisible(), false);
    await chat.page.getByRole('alert').getByText('cannot be deleted').waitFor();
    await chat.page.getByRole('button', { name: 'Sessions' }).press('Enter');
    await chat.show(chatState({ sessionId: 'session-1', title: 'Closures', error }));
    assert.equal(await chat.page.getByRole('dialog').isVisible(), true);
  });

  it('starts a new session with the caret in the input', async () => {
    const chat = await open();
    await chat.show(chatState({ title: 'Closures' }));
    await chat.page.getByRole('button', { name: 'New session' }).click();
    await chat.untilSent('newSession');
    assert.equal(await chat.page.evaluate(`document.activeElement.tagName`), 'TEXTAREA');
  });
});
