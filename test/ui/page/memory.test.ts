import assert from 'node:assert/strict';
import { chatState, memoryOf } from './chatStates.ts';
import { useChat } from './useChat.ts';

/** The lines of the meter that are seen before its details are opened. */
const lines = '.meter-numbers:not([hidden]) span';

describe('chat page: meter and anchor map', function () {
  this.timeout(10_000);
  const open = useChat();

  it('is there before anything is held', async () => {
    const chat = await open();
    await chat.show(chatState());
    assert.deepEqual(await chat.page.locator(lines).allInnerTexts(), ['0 tokens in 0 rows', '0 MB of 0 MB']);
    assert.equal(await chat.page.getByRole('listbox').isVisible(), false);
  });

  it('gives tokens, rows and bytes against full caching, as numbers, as a bar and in words', async () => {
    const chat = await open();
    await chat.show(chatState({ memory: memoryOf(['anchored', 'anchored', 'anchored', 'live']) }));
    const numbers = ['536 tokens in 200 rows', '4.6 MB of 12.3 MB'];
    assert.deepEqual(await chat.page.locator(lines).allInnerTexts(), numbers);
    const meter = chat.page.getByRole('meter', { name: 'Memory of this session' });
    assert.equal(
      await meter.getAttribute('aria-valuetext'),
      '536 tokens of text in 200 rows: 4.6 MB of the 12.3 MB that full caching would hold',
    );
    const [bar, fill] = [await meter.boundingBox(), await chat.page.locator('.meter-fill').boundingBox()];
    await chat.page.waitForTimeout(250);
    const grown = await chat.page.locator('.meter-fill').boundingBox();
    assert.ok(bar && fill && grown && Math.abs(grown.width / bar.width - 200 / 536) < 0.02);
  });

  it('opens its details by the keyboard and follows a change of memory alone', async () => {
    const chat = await open();
    await chat.show(chatState({ memory: memoryOf(['live']) }));
    const button = chat.page.locator('.meter-button');
    assert.equal(await button.getAttribute('aria-expanded'), 'false');
    await button.press('Enter');
    assert.equal(await button.getAttribute('aria-expanded'), 'true');
    await chat.post({ type: 'memory', memory: memoryOf(['anchored', 'spilled']) });
    await chat.drawn();
    assert.deepEqual(await chat.page.locator('.meter-detail dd').allInnerTexts(), [
      '280 tokens',
      '40 of 280',
      '922 kB',
      '6.5 MB',
      '7.0×',
      '1 of 3 sequences',
      '0 of 3 sequences',
      '41.0 MB of 256 MB',
    ]);
    assert.equal(await chat.page.locator('.legend li').count(), 6);
  });

  it('tells without being asked what is on disk and what was read again, and when the budget is nearly taken', async () => {
    const chat = await open();
    await chat.show(chatState({ memory: memoryOf(['spilled', 'rehydrated', 'spilled']) }));
    const told = async (): Promise<readonly string[]> => (await chat.page.locator(lines).allInnerTexts()).slice(2);
    assert.deepEqual(await told(), ['2 on disk, 1 read again', 'Budget: 16% taken']);
    const memory = { ...memoryOf(['anchored']), budgetUsed: 206_000_000 };
    await chat.show(chatState({ memory }));
    assert.deepEqual(await told(), ['', 'Budget: 80% taken']);
    assert.equal(
      await chat.page.getByText('Budget: 80% taken').getAttribute('title'),
      'All sessions together take 206 MB of the 256 MB that they may take',
    );
    await chat.show(chatState({ memory: { ...memory, budgetUsed: 100_000_000 } }));
    assert.deepEqual(await told(), []);
  });

  it('shows every sequence by its state and describes it on hover and by the arrow keys', async () => {
    const chat = await open();
    await chat.show(chatState({ memory: memoryOf(['anchored', 'spilled', 'rehydrated', 'live']) }));
    const states = await chat.page
      .getByRole('option')
      .evaluateAll((tiles) => tiles.map((tile) => tile.getAttribute('class') ?? ''));
    assert.deepEqual(
      states.map((state) => /tile-(live|anchored|spilled|rehydrated)/.exec(state)?.[1]),
      ['live', 'anchored', 'spilled', 'rehydrated', 'live'],
    );
    const [title, facts] = [chat.page.locator('.tip-title'), chat.page.locator('.tip-facts')];
    await chat.page.getByRole('option').nth(2).hover();
    assert.equal(await title.innerText(), 'File: src/parser.ts:41-80');
    assert.equal(await facts.innerText(), '128 tokens in 0 rows · ratio 8 · on disk only');
    await chat.page.mouse.move(5, 5);
    await title.waitFor({ state: 'hidden' });

    const map = chat.page.getByRole('listbox', { name: /Anchor map/ });
    await map.press('Home');
    await map.press('ArrowRight');
    assert.equal(await title.innerText(), 'Exchange: How does part 1 work?');
    assert.equal(await facts.innerText(), '128 tokens in 16 rows · ratio 8 · anchors only');
    const active = await map.getAttribute('aria-activedescendant');
    assert.equal(await chat.page.locator('[aria-selected=true]').getAttribute('id'), active);
    await map.press('Tab');
    assert.equal(await title.isVisible(), false);
  });
});
