import assert from 'node:assert/strict';
import { chatState, exchange, richAnswer, running } from './chatStates.ts';
import { useChat } from './useChat.ts';
import type { ChatTab } from './chatHarness.ts';

const status = '[role=status].visually-hidden';

async function stream(chat: ChatTab, text: string, pieceLength: number): Promise<void> {
  for (let at = 0; at < text.length; at += pieceLength) {
    await chat.post({ type: 'token', requestId: 'request-1', text: text.slice(at, at + pieceLength) });
  }
  await chat.drawn();
}

describe('chat page: conversation', function () {
  this.timeout(10_000);
  const open = useChat();

  it('shows how far the prompt was read, then the answer as it comes', async () => {
    const chat = await open();
    const reading = running({ stage: 'reading', progress: { done: 1024, total: 3000 } });
    await chat.show(chatState({ running: reading }));
    assert.equal(await chat.page.locator('.stage').innerText(), 'Reading 1,024 of 3,000 tokens');
    await chat.post({
      type: 'progress',
      requestId: 'request-1',
      stage: 'reading',
      progress: { done: 2048, total: 3000 },
    });
    await chat.drawn();
    assert.equal(await chat.page.locator('.stage').innerText(), 'Reading 2,048 of 3,000 tokens');
    await stream(chat, 'A *monad* is', 3);
    assert.equal(await chat.page.locator('.running .markdown').innerText(), 'A monad is');
    assert.equal(await chat.page.locator('.running .markdown em').innerText(), 'monad');
    assert.equal(await chat.page.locator('.stage').innerText(), 'Answering');
  });

  it('ignores tokens of another request', async () => {
    const chat = await open();
    await chat.show(chatState({ running: running({ text: 'mine', stage: 'answering' }) }));
    await chat.post({ type: 'token', requestId: 'request-0', text: 'not mine' });
    await chat.drawn();
    assert.equal(await chat.page.locator('.running .markdown').innerText(), 'mine');
  });

  it('never touches finished blocks again, and keeps them when the answer is finished', async () => {
    const chat = await open();
    await chat.show(chatState({ running: running({ stage: 'answering' }) }));
    await stream(chat, richAnswer.slice(0, 500), 40);
    await chat.page.evaluate(
      `document.querySelectorAll('.markdown > :not(.open-block)').forEach((block) => { block.mark = true; })`,
    );
    const marked = `[...document.querySelectorAll('.markdown > *')].filter((block) => block.mark).length`;
    const finished = await chat.page.evaluate(marked);
    assert.ok(typeof finished === 'number' && finished >= 2);
    await stream(chat, richAnswer.slice(500), 40);
    assert.equal(await chat.page.evaluate(marked), finished);
    await chat.show(chatState({ exchanges: [exchange('e1', 'Why?', richAnswer)] }));
    assert.equal(await chat.page.evaluate(marked), finished);
    assert.equal(await chat.page.locator('.running').count(), 0);
    assert.equal(await chat.page.locator('.open-block').count(), 0);
  });

  it('draws the same from a streamed answer as from a stored one', async () => {
    const streamed = await open();
    await streamed.show(chatState({ running: running({ stage: 'answering' }) }));
    await stream(streamed, richAnswer, 7);
    await streamed.show(chatState({ exchanges: [exchange('e1', 'Why?', richAnswer)] }));
    const stored = await open();
    await stored.show(chatState({ exchanges: [exchange('e1', 'Why?', richAnswer)] }));
    const html = `document.querySelector('.markdown').innerHTML`;
    assert.equal(await streamed.page.evaluate(html), await stored.page.evaluate(html));
  });

  it('goes on from the state when the page was hidden for some tokens', async () => {
    const chat = await open();
    await chat.show(chatState({ running: running({ text: 'one', stage: 'answering' }) }));
    await chat.show(chatState({ running: running({ text: 'one two three', stage: 'answering' }) }));
    await stream(chat, ' four', 5);
    assert.equal(await chat.page.locator('.running .markdown').innerText(), 'one two three four');
  });

  it('copies and inserts the code as it was written, and copies the answer', async () => {
    const chat = await open();
    await chat.show(chatState({ exchanges: [exchange('e1', 'q', 'Text\n\n```html\n<b>&amp;</b>\n\tx\n```')] }));
    await chat.page.getByRole('button', { name: 'Copy the code' }).click();
    assert.deepEqual(await chat.untilSent('copy'), { type: 'copy', text: '<b>&amp;</b>\n\tx' });
    assert.equal(await chat.page.getByRole('button', { name: 'Copy the code' }).innerText(), 'Copied');
    await chat.page.getByRole('button', { name: 'Insert the code' }).click();
    assert.deepEqual(await chat.untilSent('insert'), { type: 'insert', text: '<b>&amp;</b>\n\tx' });
    await chat.page.getByRole('button', { name: 'Copy the answer' }).click();
    await chat.page.waitForTimeout(50);
    assert.deepEqual(await chat.untilSent('copy'), { type: 'copy', text: 'Text\n\n```html\n<b>&amp;</b>\n\tx\n```' });
  });

  it('says a finished answer once, without its code', async () => {
    const chat = await open();
    await chat.show(chatState({ running: running({ stage: 'answering' }) }));
    await stream(chat, 'Use `map`:\n\n```js\na.map(f)\n```', 4);
    assert.equal(await chat.page.locator(status).innerText(), 'Answering');
    await chat.show(chatState({ exchanges: [exchange('e1', 'q', 'Use `map`:\n\n```js\na.map(f)\n```')] }));
    assert.equal(await chat.page.locator(status).innerText(), 'Answer: Use map: js code, 1 line.');
  });

  it('says why an answer was cut off', async () => {
    const chat = await open();
    const cut = [
      exchange('e1', 'q', 'a', { stopReason: 'cancelled' }),
      exchange('e2', 'q', 'a', { stopReason: 'contextFull' }),
    ];
    await chat.show(chatState({ exchanges: cut }));
    assert.deepEqual(await chat.page.locator('.stop-reason').allInnerTexts(), [
      'Stopped',
      'Cut off: the context is full',
    ]);
  });

  it('follows the answer until the user scrolls up, and again after the jump button', async () => {
    const chat = await open({ height: 500 });
    await chat.show(
      chatState({ exchanges: [exchange('e1', 'q', richAnswer)], running: running({ stage: 'answering' }) }),
    );
    await stream(chat, 'line\n\n'.repeat(20), 60);
    const fromEnd = `(() => { const t = document.querySelector('.transcript'); return t.scrollHeight - t.scrollTop - t.clientHeight; })()`;
    const distance = async (): Promise<number> => Number(await chat.page.evaluate(fromEnd));
    assert.ok((await distance()) <= 1);
    await chat.page.locator('.transcript').hover();
    await chat.page.mouse.wheel(0, -300);
    await chat.page.waitForTimeout(100);
    const away = await distance();
    await stream(chat, 'line\n\n'.repeat(20), 60);
    assert.ok((await distance()) > away + 100);
    await chat.page.getByRole('button', { name: 'Jump to the latest' }).click();
    assert.ok((await distance()) <= 1);
    await stream(chat, 'line\n\n'.repeat(20), 60);
    assert.ok((await distance()) <= 1);
    assert.equal(await chat.page.getByRole('button', { name: 'Jump to the latest' }).isVisible(), false);
  });

  it('holds 500 exchanges: draws what is seen, keeps what was drawn, and stays quick', async () => {
    const chat = await open();
    const exchanges = Array.from({ length: 500 }, (_, index) => exchange(`e${index}`, `Question ${index}`, richAnswer));
    const show = `(async (state) => {
      const start = performance.now();
      window.postMessage({ type: 'state', state });
      await new Promise((done) => setTimeout(() => requestAnimationFrame(() => setTimeout(done))));
      return performance.now() - start;
    })`;
    const first = Number(await chat.page.evaluate(`${show}(${JSON.stringify(chatState({ exchanges }))})`));
    const drawn = await chat.page.locator('.exchange .markdown').count();
    assert.ok(drawn >= 4 && drawn < 60, `${drawn} of 500 drawn`);
    const again = Number(
      await chat.page.evaluate(`${show}(${JSON.stringify(chatState({ exchanges, running: running() }))})`),
    );
    assert.ok(first < 1500, `first state took ${first} ms`);
    assert.ok(again < 400, `second state took ${again} ms`);
    await chat.page.evaluate(`document.querySelector('.transcript').scrollTop = 0`);
    await chat.page.locator('article', { hasText: 'Question 0' }).first().locator('.markdown').waitFor();
  });
});
