import assert from 'node:assert/strict';
import { themeNames, type ChatTab } from './chatHarness.ts';
import { chatState, exchange, memoryOf, richAnswer, running } from './chatStates.ts';
import { useChat } from './useChat.ts';

const full = chatState({
  title: 'Closures',
  exchanges: [
    exchange('e1', 'What is a closure?', richAnswer, {
      stopReason: 'cancelled',
      rehydrated: [
        {
          sequenceId: 's2',
          label: 'src/app.ts:1-40',
          tokens: 128,
          why: { kind: 'words', words: ['makeCounter', 'scope'] },
        },
      ],
    }),
  ],
  attachments: [{ id: 'a1', label: 'app.ts:3-9', detail: 'src/app.ts:3-9' }],
  memory: memoryOf(['anchored', 'spilled', 'rehydrated', 'live']),
  error: { message: 'The process ended.', remedy: 'Restart it.', action: 'restartWorker' },
});

/** Elements that the keyboard reaches, in its order, by name. */
async function tabOrder(chat: ChatTab, steps: number): Promise<readonly string[]> {
  const names: string[] = [];
  for (let step = 0; step < steps; step++) {
    await chat.page.keyboard.press('Tab');
    // What the step scrolled to decides which buttons there are for the next one.
    await chat.drawn();
    names.push(
      String(
        await chat.page.evaluate(
          `document.activeElement.ariaLabel ?? document.activeElement.textContent.trim().slice(0, 40)`,
        ),
      ),
    );
  }
  return names;
}

describe('chat page: access', function () {
  this.timeout(15_000);
  const open = useChat();

  it('is reached by the keyboard in the order in which it is read', async () => {
    const chat = await open();
    await chat.show(full);
    await chat.page.getByRole('button', { name: 'Sessions' }).focus();
    assert.deepEqual(await tabOrder(chat, 18), [
      'New session',
      'Conversation',
      'Edit the question',
      'Copy the code',
      'Insert the code at the cursor',
      'typescript code',
      'Copy the code',
      'Insert the code at the cursor',
      'python code',
      'https://developer.mozilla.org/docs/Web/J',
      'Answer again',
      'Copy the answer',
      'Restart',
      '536 tokens in 312 rows7.2 MB of 12.3 MB1',
      'Anchor map: one tile for each sequence of this session',
      'Remove app.ts:3-9',
      'Ask Anchorage',
      'Attach',
    ]);
  });

  it('gives everything a role and a name, and no id twice', async () => {
    const chat = await open();
    await chat.show({ ...full, running: running({ stage: 'reading', progress: { done: 1, total: 2 } }) });
    const tree = await chat.page.locator('#root').ariaSnapshot();
    const unnamed = tree
      .split('\n')
      .filter((line) =>
        /^\s*- (button|textbox|listbox|option|meter|progressbar|log|dialog|menu|article|group|link)(:|$)/.test(line),
      );
    assert.deepEqual(unnamed, [], tree);
    for (const expected of [
      /- log "Conversation"/,
      /- meter "Memory/,
      /- textbox "Ask Anchorage"/,
      /- alert/,
      /- progressbar "Reading"/,
      /- main/,
    ]) {
      assert.match(tree, expected);
    }
    const ids = await chat.page.locator('[id]').evaluateAll((elements) => elements.map(({ id }) => id));
    assert.equal(new Set(ids).size, ids.length);
  });

  it('announces errors at once and status politely, and never the text as it streams', async () => {
    const chat = await open();
    await chat.show(full);
    assert.equal(await chat.page.getByRole('alert').innerText(), 'The process ended.\n\nRestart it.\n\nRestart');
    await chat.page.getByRole('button', { name: 'Restart' }).click();
    await chat.untilSent('restartWorker');
    assert.equal(await chat.page.getByRole('log').getAttribute('aria-live'), 'off');
    await chat.show(
      chatState({ model: { state: 'failed', error: { message: 'Altered.', remedy: 'See.', action: 'showLog' } } }),
    );
    await chat.page.getByRole('alert').getByRole('button', { name: 'Show log' }).click();
    await chat.untilSent('showLog');
  });

  it('shows how far the model is loaded, and what it runs on', async () => {
    const chat = await open();
    assert.equal(await chat.page.locator('.model').innerText(), 'Loading the model');
    await chat.show(chatState({ model: { state: 'loading', fraction: 0.42 } }));
    assert.match(await chat.page.locator('.model').innerText(), /Loading the model\s*42%/);
    assert.equal(await chat.page.getByRole('progressbar').getAttribute('value'), '0.42');
    await chat.show(chatState({ model: { state: 'loading', fraction: null } }));
    assert.equal(await chat.page.getByRole('progressbar').getAttribute('value'), null);
    await chat.show(chatState());
    assert.equal(await chat.page.locator('.model').innerText(), 'SmolLM2-135M · int4 · CPU');
    assert.equal(await chat.page.locator('.model-line').getAttribute('title'), 'No GPU was found.');
  });

  it('fits 200 pixels: nothing but code and tables scrolls sideways', async () => {
    const chat = await open({ width: 200, height: 600 });
    const long = 'x'.repeat(400);
    const exchanges = [exchange('e1', long, `${long}\n\n${richAnswer}\n\n\`${long}\`\n\n- ${long}\n\n> ${long}`)];
    await chat.show({ ...full, title: long, exchanges, attachments: [{ id: 'a', label: long, detail: long }] });
    const wide = await chat.page.evaluate(`[...document.querySelectorAll('#root *')]
      .filter((e) => !e.closest('pre, .table-scroller, .visually-hidden') && e.getBoundingClientRect().right > innerWidth + 0.5)
      .map((e) => e.className || e.tagName)`);
    assert.deepEqual(wide, []);
    assert.equal(await chat.page.evaluate(`document.querySelector('.transcript').scrollWidth <= innerWidth`), true);
    assert.ok(await chat.page.getByRole('textbox').isVisible());
  });

  for (const theme of themeNames) {
    it(`shows where the focus is, and text that can be read, in ${theme}`, async () => {
      const chat = await open({ theme, height: 1400 });
      await chat.show(full);
      assert.deepEqual(await chat.page.evaluate(lowContrast), []);
      await chat.page.getByRole('button', { name: 'Sessions' }).focus();
      await chat.page.keyboard.press('Tab');
      const outline = await chat.page.evaluate(`getComputedStyle(document.activeElement).outlineStyle`);
      assert.equal(outline, 'solid');
    });
  }

  it('does not move where motion is not wanted', async () => {
    const chat = await open({ reducedMotion: true });
    const loading = { state: 'loading' as const, fraction: null };
    await chat.show(chatState({ running: running(), memory: memoryOf(['live']), model: loading }));
    assert.equal(await chat.page.evaluate(`document.getAnimations().length`), 0);
  });
});

/**
 * Texts whose contrast with the ground behind them is below 4.5 (WCAG 2.2, 1.4.3), as `class ratio`. Half-transparent colours are laid over
 * what is behind them.
 */
const lowContrast = `(() => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const over = (front, back) => {
    canvas.fillStyle = back; canvas.fillRect(0, 0, 1, 1);
    canvas.fillStyle = front; canvas.fillRect(0, 0, 1, 1);
    const [r, g, b] = canvas.getImageData(0, 0, 1, 1).data;
    return \`rgb(\${r}, \${g}, \${b})\`;
  };
  const ground = (e) => e ? over(getComputedStyle(e).backgroundColor, ground(e.parentElement)) : 'white';
  const luminance = (colour) => {
    const [r, g, b] = colour.match(/[\\d.]+/g).map((c) => c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const found = [];
  for (const e of document.querySelectorAll('#root *')) {
    const hasText = [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim() !== '');
    if (!hasText || e.closest('.visually-hidden') || !e.checkVisibility()) continue;
    const back = ground(e);
    const [a, b] = [luminance(over(getComputedStyle(e).color, back)), luminance(back)];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) found.push((e.className || e.tagName) + ' ' + ratio.toFixed(2));
  }
  return [...new Set(found)];
})()`;
