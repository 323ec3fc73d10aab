import assert from 'node:assert/strict';
import { chatState, exchange, running } from './chatStates.ts';
import { useChat } from './useChat.ts';

describe('chat page: input', function () {
  this.timeout(10_000);
  const open = useChat();

  it('has the focus from the start, sends on Enter and is empty afterwards', async () => {
    const chat = await open();
    await chat.show(chatState());
    await chat.page.keyboard.type('  What is a monad?');
    await chat.page.keyboard.press('Enter');
    assert.deepEqual(await chat.untilSent('ask'), { type: 'ask', text: 'What is a monad?' });
    assert.equal(await chat.page.getByRole('textbox').inputValue(), '');
  });

  it('starts a new line on Shift+Enter, grows with it, and sends nothing empty', async () => {
    const chat = await open();
    await chat.show(chatState());
    const input = chat.page.getByRole('textbox', { name: 'Ask Anchorage' });
    await chat.page.keyboard.press('Enter');
    const before = await input.boundingBox();
    await chat.page.keyboard.type('one');
    await chat.page.keyboard.press('Shift+Enter');
    await chat.page.keyboard.type('two');
    await chat.page.keyboard.press('Shift+Enter');
    assert.equal(await input.inputValue(), 'one\ntwo\n');
    const after = await input.boundingBox();
    assert.ok(before && after && after.height > before.height + 20, `${before?.height} grew to ${after?.height}`);
    assert.ok(!chat.sent.some(({ type }) => type === 'ask'));
  });

  it('brings earlier questions back with the arrow keys, also after a reload', async () => {
    const first = await open();
    await first.show(chatState());
    for (const question of ['first', 'second']) {
      await first.page.keyboard.type(question);
      await first.page.keyboard.press('Enter');
    }
    await first.page.keyboard.type('draft');
    await first.drawn();
    assert.deepEqual(first.saved, { draft: 'draft', history: ['first', 'second'] });

    const second = await open({ saved: first.saved });
    await second.show(chatState());
    const input = second.page.getByRole('textbox');
    const seen: string[] = [await input.inputValue()];
    for (const key of ['ArrowUp', 'ArrowUp', 'ArrowUp', 'ArrowDown', 'ArrowDown']) {
      await second.page.keyboard.press(key);
      seen.push(await input.inputValue());
    }
    assert.deepEqual(seen, ['draft', 'second', 'first', 'first', 'second', 'draft']);
  });

  it('starts empty from a saved state of another shape', async () => {
    const chat = await open({ saved: { draft: 7, history: ['kept', 8] } });
    await chat.show(chatState());
    assert.equal(await chat.page.getByRole('textbox').inputValue(), '');
    await chat.page.keyboard.press('ArrowUp');
    assert.equal(await chat.page.getByRole('textbox').inputValue(), 'kept');
  });

  it('takes a prepared question and waits for the user to send it', async () => {
    const chat = await open();
    await chat.show(chatState());
    await chat.post({ type: 'prefill', text: 'Explain ' });
    await chat.drawn();
    await chat.page.keyboard.type('this');
    assert.equal(await chat.page.getByRole('textbox').inputValue(), 'Explain this');
    assert.ok(!chat.sent.some(({ type }) => type === 'ask'));
  });

  it('leaves the keyboard to the editor until the user comes to the page', async () => {
    const chat = await open();
    await chat.show(chatState({ running: running() }));
    await chat.page.getByRole('button', { name: 'Stop' }).focus();
    await chat.page.evaluate(`document.hasFocus = () => false`);
    await chat.show(chatState());
    await chat.post({ type: 'prefill', text: 'Explain this' });
    await chat.drawn();
    const focused = `document.activeElement.tagName`;
    assert.equal(await chat.page.evaluate(focused), 'BODY');
    await chat.page.evaluate(`delete document.hasFocus; window.dispatchEvent(new Event('focus'))`);
    assert.equal(await chat.page.evaluate(focused), 'TEXTAREA');
    assert.equal(await chat.page.getByRole('textbox').inputValue(), 'Explain this');
  });

  it('tries again with what is in the input', async () => {
    const chat = await open();
    const error = { message: 'It is too long.', remedy: 'Shorten it.', action: 'retry' } as const;
    await chat.show(chatState({ error }));
    await chat.post({ type: 'prefill', text: 'Why' });
    await chat.drawn();
    await chat.page.keyboard.type(' not?');
    await chat.page.getByRole('button', { name: 'Try again' }).click();
    assert.deepEqual(await chat.untilSent('ask'), { type: 'ask', text: 'Why not?' });
    assert.equal(await chat.page.getByRole('textbox').inputValue(), '');
    assert.ok(!chat.sent.some(({ type }) => type === 'retry'));
  });

  it('tries again to load a model that could not be loaded', async () => {
    const chat = await open();
    const error = { message: 'The model is altered.', remedy: 'Build it.', action: 'retry' } as const;
    await chat.show(chatState({ error, model: { state: 'failed', error } }));
    await chat.page.keyboard.type('why');
    for (const button of await chat.page.getByRole('button', { name: 'Try again' }).all()) {
      await button.click();
    }
    await chat.page.waitForTimeout(50);
    assert.deepEqual(
      chat.sent.map(({ type }) => type),
      ['ready', 'retry', 'retry'],
    );
    assert.equal(await chat.page.getByRole('textbox').inputValue(), 'why');
  });

  it('asks a suggestion of the empty page by one click', async () => {
    const chat = await open();
    await chat.show(chatState());
    const suggestions = chat.page.locator('.suggestion');
    assert.equal(await chat.page.evaluate(`document.querySelector('.empty').scrollTop`), 0);
    assert.equal(await suggestions.count(), 3);
    const text = await suggestions.nth(1).innerText();
    await suggestions.nth(1).click();
    assert.deepEqual(await chat.untilSent('ask'), { type: 'ask', text });
    assert.equal(await chat.page.evaluate(`document.activeElement.tagName`), 'TEXTAREA');
    await chat.show(chatState({ running: running({ question: text }) }));
    assert.equal(await chat.page.locator('.empty').isVisible(), false);
  });

  it('keeps the question while there is no model, and while an answer is running', async () => {
    const chat = await open();
    await chat.show(chatState({ model: { state: 'absent', message: 'No model.', remedy: 'Build it.' } }));
    await chat.page.keyboard.type('why');
    await chat.page.keyboard.press('Enter');
    assert.match(await chat.page.locator('[role=status].visually-hidden').innerText(), /not ready/);
    await chat.show(chatState({ running: running() }));
    await chat.page.keyboard.press('Enter');
    assert.match(await chat.page.locator('[role=status].visually-hidden').innerText(), /Still answering/);
    assert.equal(await chat.page.getByRole('textbox').inputValue(), 'why');
    assert.ok(!chat.sent.some(({ type }) => type === 'ask'));
  });

  it('keeps a draft that a prepared question takes the place of', async () => {
    const chat = await open();
    await chat.show(chatState({ running: running() }));
    await chat.page.keyboard.type('my next question');
    await chat.post({ type: 'prefill', text: 'the question that failed' });
    await chat.drawn();
    assert.equal(await chat.page.getByRole('textbox').inputValue(), 'the question that failed');
    await chat.page.keyboard.press('ArrowUp');
    assert.equal(await chat.page.getByRole('textbox').inputValue(), 'my next question');
  });

  it('stops by the button and by Escape', async () => {
    const chat = await open();
    await chat.show(chatState({ exchanges: [exchange('e1', 'a', 'b')], running: running() }));
    assert.equal(await chat.page.getByRole('button', { name: 'Send' }).isVisible(), false);
    await chat.page.getByRole('button', { name: 'Stop' }).click();
    await chat.untilSent('stop');
    await chat.page.getByRole('textbox').press('Escape');
    await chat.page.waitForTimeout(50);
    assert.equal(chat.sent.filter(({ type }) => type === 'stop').length, 2);
    await chat.show(chatState());
    await chat.page.getByRole('textbox').press('Escape');
    await chat.page.waitForTimeout(50);
    assert.equal(chat.sent.filter(({ type }) => type === 'stop').length, 2);
  });

  it('attaches by a menu that the keyboard walks, and removes an attachment', async () => {
    const chat = await open();
    await chat.show(chatState({ attachments: [{ id: 'a1', label: 'app.ts:3-9', detail: 'src/app.ts:3-9' }] }));
    await chat.page.getByRole('button', { name: 'Attach', exact: true }).press('Enter');
    await chat.page.keyboard.press('ArrowDown');
    await chat.page.keyboard.press('Enter');
    await chat.untilSent('attachFile');
    assert.equal(await chat.page.getByRole('menu').isVisible(), false);
    await chat.page.getByRole('button', { name: 'Attach', exact: true }).press('Enter');
    await chat.page.keyboard.press('Escape');
    assert.equal(await chat.page.getByRole('menu').isVisible(), false);
    await chat.page.getByRole('button', { name: 'Remove app.ts:3-9' }).click();
    assert.deepEqual(await chat.untilSent('removeAttachment'), { type: 'removeAttachment', id: 'a1' });
  });
});
