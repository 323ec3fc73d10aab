import assert from 'node:assert/strict';
import { chatState, exchange } from './chatStates.ts';
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
    assert.deepEqual(await chat.untilSent('openSession'), {
      type: 'openSession',
      sessionId: 'session-2',
      exchangeId: null,
    });
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

  it('renames one in place on Enter, and not on Escape', async () => {
    const chat = await open();
    await openList(chat);
    const rename = async (): Promise<void> => {
      await chat.page.getByRole('button', { name: 'Actions for Closures' }).press('Enter');
      await chat.page.keyboard.press('Enter');
    };
    await rename();
    const field = chat.page.getByRole('textbox', { name: 'Title of the session' });
    assert.equal(await field.inputValue(), 'Closures');
    await chat.page.keyboard.type('Loans');
    await chat.page.keyboard.press('Escape');
    assert.equal(await chat.page.getByRole('dialog').isVisible(), true);
    assert.equal(await chat.page.evaluate(`document.activeElement.getAttribute('aria-label')`), 'Actions for Closures');
    await rename();
    await field.fill('  ');
    await chat.page.keyboard.press('Enter');
    assert.ok(!chat.sent.some(({ type }) => type === 'renameSession'));
    await field.fill(' Scopes ');
    await chat.page.keyboard.press('Enter');
    assert.deepEqual(await chat.untilSent('renameSession'), {
      type: 'renameSession',
      sessionId: 'session-1',
      title: 'Scopes',
    });
  });

  it('exports one by a menu, which closes on Escape and leaves the list open', async () => {
    const chat = await open();
    await openList(chat);
    const actions = chat.page.getByRole('button', { name: 'Actions for Closures' });
    await actions.click();
    assert.equal(await actions.getAttribute('aria-expanded'), 'true');
    await chat.page.keyboard.press('Escape');
    assert.equal(await actions.getAttribute('aria-expanded'), 'false');
    assert.equal(await chat.page.getByRole('dialog').isVisible(), true);
    await actions.click();
    await actions.click();
    assert.equal(await chat.page.getByRole('menu').isVisible(), false, 'a second click closes it');
    for (const [name, format] of [
      ['Export as Markdown…', 'markdown'],
      ['Export as JSON…', 'json'],
    ] as const) {
      await actions.click();
      await chat.page.getByRole('menuitem', { name }).click();
      await chat.page.waitForTimeout(50);
      assert.deepEqual(await chat.untilSent('exportSession'), {
        type: 'exportSession',
        sessionId: 'session-1',
        format,
      });
    }
  });

  it('imports one, and makes room for it once it is there', async () => {
    const chat = await open();
    await openList(chat);
    await chat.page.getByRole('button', { name: 'Import a session' }).click();
    await chat.untilSent('importSession');
    await chat.show(chatState({ sessionId: 'session-1', title: 'Closures' }));
    assert.equal(await chat.page.getByRole('dialog').isVisible(), true);
    await chat.show(chatState({ sessionId: 'session-3', title: 'Imported' }));
    assert.equal(await chat.page.getByRole('dialog').isVisible(), false);
  });

  it('searches when the user stops typing, and shows only what was sought last', async () => {
    const chat = await open();
    await openList(chat);
    await chat.page.getByRole('searchbox', { name: 'Search sessions' }).pressSequentially('fee loan', { delay: 20 });
    assert.deepEqual(await chat.untilSent('searchSessions'), { type: 'searchSessions', query: 'fee loan' });
    assert.equal(chat.sent.filter(({ type }) => type === 'searchSessions').length, 1);
    await chat.post({ type: 'found', query: 'fee', hits: [] });
    await chat.drawn();
    assert.equal(await chat.page.locator('.session-note').innerText(), 'Searching…');
    const session = { id: 'session-2', title: 'Fees', updatedAt: Date.now(), exchanges: 3 };
    const excerpt = [
      { text: 'the ', isMatch: false },
      { text: 'fee', isMatch: true },
      { text: ' of a ', isMatch: false },
      { text: 'loan', isMatch: true },
    ];
    await chat.post({
      type: 'found',
      query: 'fee loan',
      hits: [
        { session, exchangeId: 'e2', excerpt },
        { session: { ...session, id: 'session-4' }, exchangeId: null, excerpt: [{ text: 'Fee', isMatch: true }] },
      ],
    });
    await chat.page.locator('mark').first().waitFor();
    assert.equal(await chat.page.locator('.session-note').innerText(), '2 sessions found');
    assert.equal(await chat.page.locator('.session-excerpt').innerText(), 'the fee of a loan');
    assert.deepEqual(await chat.page.locator('mark').allInnerTexts(), ['fee', 'loan', 'Fee']);
    // What the list is meanwhile does not cover what was found.
    await chat.post({ type: 'sessions', sessions: [] });
    await chat.drawn();
    assert.equal(await chat.page.locator('.session').count(), 2);
    await chat.page.getByRole('searchbox').press('Escape');
    await chat.page.getByText('No sessions yet').waitFor();
    assert.equal(await chat.page.getByRole('dialog').isVisible(), true);
  });

  it('opens what a search found at the exchange that has the words', async () => {
    const chat = await open();
    await openList(chat);
    await chat.page.getByRole('searchbox').fill('fee');
    await chat.untilSent('searchSessions');
    const session = { id: 'session-2', title: 'Fees', updatedAt: Date.now(), exchanges: 3 };
    await chat.post({
      type: 'found',
      query: 'fee',
      hits: [{ session, exchangeId: 'e2', excerpt: [{ text: 'fee', isMatch: true }] }],
    });
    await chat.page.locator('.session-open').click();
    assert.deepEqual(await chat.untilSent('openSession'), {
      type: 'openSession',
      sessionId: 'session-2',
      exchangeId: 'e2',
    });
    // What the page showed before is not what was sought.
    await chat.show(chatState({ sessionId: 'session-1', title: 'Closures' }));
    const exchanges = ['e1', 'e2', 'e3'].map((id) => exchange(id, `Question ${id}`, 'Answer. '.repeat(400)));
    await chat.show(chatState({ sessionId: 'session-2', exchanges }));
    await chat.page.waitForTimeout(100);
    assert.equal(await chat.page.evaluate(`document.activeElement.getAttribute('aria-label')`), 'Exchange 2');
    const offset = `document.activeElement.getBoundingClientRect().top - document.querySelector('.transcript').getBoundingClientRect().top`;
    assert.ok(Math.abs(Number(await chat.page.evaluate(offset))) < 30);
  });

  it('starts a new session with the caret in the input', async () => {
    const chat = await open();
    await chat.show(chatState({ title: 'Closures' }));
    await chat.page.getByRole('button', { name: 'New session' }).click();
    await chat.untilSent('newSession');
    assert.equal(await chat.page.evaluate(`document.activeElement.tagName`), 'TEXTAREA');
  });
});
