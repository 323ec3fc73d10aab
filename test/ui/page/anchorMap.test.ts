import assert from 'node:assert/strict';
import type { MemoryView } from '../../../src/protocol/memory.ts';
import type { ChatTab } from './chatHarness.ts';
import { chatState, exchange, memoryOf, running } from './chatStates.ts';
import { useChat } from './useChat.ts';

const memory = memoryOf(['anchored', 'spilled', 'anchored', 'anchored']);
/** As many exchanges as the memory has: the second sequence is a chunk of the second. */
const exchanges = ['e1', 'e2', 'e3'].map((id) => exchange(id, `Question ${id}`, 'Answer. '.repeat(400)));
const focused = `document.activeElement.getAttribute('role') ?? document.activeElement.tagName`;

/** The memory with one of its sequences changed. */
function marked(id: string, change: Partial<MemoryView['sequences'][number]>): MemoryView {
  const sequences = memory.sequences.map((sequence) => (sequence.id === id ? { ...sequence, ...change } : sequence));
  return { ...memory, sequences };
}

async function openMenu(chat: ChatTab, index: number): Promise<void> {
  await chat.page.getByRole('option').nth(index).click();
  await chat.page.getByRole('menu').waitFor();
}

describe('chat page: sequences', function () {
  this.timeout(10_000);
  const open = useChat();

  it('shows the text of a tile that is looked at for a moment, and asks for it once', async () => {
    const chat = await open();
    await chat.show(chatState({ exchanges, memory }));
    const tile = chat.page.getByRole('option').nth(2);
    await tile.hover();
    assert.deepEqual(await chat.untilSent('sequenceText'), { type: 'sequenceText', sequenceId: 's2' });
    const text = chat.page.locator('.tip-text');
    assert.equal(await text.innerText(), 'Fetching its text…');
    await chat.post({ type: 'sequenceText', sequenceId: 's2', text: '<b>one</b>\n'.repeat(200) });
    await chat.drawn();
    assert.match(await text.innerText(), /^<b>one<\/b>\n<b>one/);
    const box = await text.boundingBox();
    assert.ok(box && box.height < 200, 'its height is bounded');
    // The pointer goes from the tile into the text, which scrolls.
    await text.hover();
    await chat.page.mouse.wheel(0, 200);
    await chat.page.waitForTimeout(400);
    assert.ok(Number(await chat.page.evaluate(`document.querySelector('.tip-text').scrollTop`)) > 0);
    await chat.page.mouse.move(5, 5);
    await text.waitFor({ state: 'hidden' });
    await tile.hover();
    await chat.page.waitForTimeout(400);
    assert.equal(chat.sent.filter(({ type }) => type === 'sequenceText').length, 1);
  });

  it('asks for no text of tiles that the pointer passes, nor of the instructions', async () => {
    const chat = await open();
    await chat.show(chatState({ exchanges, memory }));
    for (const index of [4, 3, 2, 1, 0]) {
      await chat.page.getByRole('option').nth(index).hover();
    }
    await chat.page.waitForTimeout(400);
    assert.ok(!chat.sent.some(({ type }) => type === 'sequenceText'));
    assert.equal(await chat.page.locator('.tip-text').isVisible(), false);
  });

  it('says so where a text is not to be had, and asks again the next time', async () => {
    const chat = await open();
    await chat.show(chatState({ exchanges, memory }));
    await chat.page.getByRole('option').nth(2).hover();
    await chat.untilSent('sequenceText');
    await chat.post({ type: 'sequenceText', sequenceId: 's2', text: null });
    await chat.drawn();
    assert.equal(await chat.page.locator('.tip-text').innerText(), 'Its text is not to be had.');
    await chat.show(chatState({ exchanges, memory }));
    await chat.page.getByRole('option').nth(1).hover();
    await chat.page.getByRole('option').nth(2).hover();
    await chat.page.waitForTimeout(400);
    assert.equal(chat.sent.filter(({ type }) => type === 'sequenceText').length, 2);
  });

  it('pins and unpins, and has text read again, by a menu that tells which', async () => {
    const chat = await open();
    await chat.show(chatState({ exchanges, memory }));
    await openMenu(chat, 2);
    await chat.page.getByRole('menuitem', { name: 'Pin: keep it as it is' }).click();
    assert.deepEqual(await chat.untilSent('actOnSequence'), { type: 'actOnSequence', sequenceId: 's2', action: 'pin' });
    assert.equal(await chat.page.getByRole('menu').isVisible(), false);
    await chat.show(chatState({ exchanges, memory: marked('s2', { pinned: true, isWanted: true }) }));
    const tile = chat.page.getByRole('option', { name: /pinned: kept as it is · read again for the next question/ });
    assert.match((await tile.getAttribute('class')) ?? '', /pinned wanted/);
    assert.match(await chat.page.locator('[role=status].visually-hidden').innerText(), /on disk only · pinned/);
    await openMenu(chat, 2);
    await chat.page.getByRole('menuitem', { name: 'Do not read again' }).click();
    await chat.page.waitForTimeout(50);
    assert.equal((await chat.untilSent('actOnSequence')).action, 'doNotReadAgain');
  });

  it('is worked by the keyboard alone, which gets the focus back', async () => {
    const chat = await open();
    await chat.show(chatState({ exchanges, memory }));
    const map = chat.page.getByRole('listbox', { name: /Anchor map/ });
    await map.press('End');
    await map.press('Enter');
    assert.equal(await chat.page.evaluate(focused), 'menuitem');
    await chat.page.keyboard.press('Escape');
    assert.equal(await chat.page.evaluate(focused), 'listbox');
    assert.ok(!chat.sent.some(({ type }) => type === 'stop'));
    await map.press('Shift+F10');
    await map.press('ContextMenu');
    assert.equal(await chat.page.getByRole('menu').isVisible(), true);
    await chat.page.keyboard.press('Enter');
    assert.equal(await chat.page.evaluate(focused), 'region');
    assert.equal(await chat.page.getByRole('region', { name: 'Text of How does part 4 work?' }).isVisible(), true);
    await chat.page.keyboard.press('Escape');
    assert.equal(await chat.page.evaluate(focused), 'listbox');
    await map.press('Home');
    await map.press('Enter');
    assert.equal(await chat.page.getByRole('menu').isVisible(), false, 'the instructions have no menu');
  });

  it('forgets only after a second question, which says what that means', async () => {
    const chat = await open();
    await chat.show(chatState({ exchanges, memory }));
    const forget = async (index: number): Promise<void> => {
      await openMenu(chat, index);
      await chat.page.getByRole('menuitem', { name: 'Forget…' }).click();
    };
    await forget(2);
    const dialog = chat.page.getByRole('alertdialog', { name: 'Forget “src/parser.ts:41-80”?' });
    assert.match(await dialog.innerText(), /for good.*cannot be undone/);
    await chat.page.keyboard.press('Enter');
    assert.equal(await dialog.isVisible(), false, 'the focus is on Keep');
    assert.ok(!chat.sent.some(({ type }) => type === 'actOnSequence'));
    await forget(2);
    await chat.page.keyboard.press('Escape');
    assert.equal(await chat.page.evaluate(focused), 'listbox');
    await forget(2);
    await chat.page.getByRole('button', { name: 'Forget for good' }).click();
    assert.deepEqual(await chat.untilSent('actOnSequence'), {
      type: 'actOnSequence',
      sequenceId: 's2',
      action: 'forget',
    });
    const asked = chat.sent.length;
    await chat.page.waitForTimeout(400);
    assert.equal(chat.sent.length, asked, 'a text that is about to go is not asked for');
  });

  it('forgets nothing while an answer is written, and says why', async () => {
    const chat = await open();
    await chat.show(chatState({ exchanges, memory, running: running() }));
    await openMenu(chat, 1);
    const item = chat.page.getByRole('menuitem', { name: 'Forget…' });
    assert.equal(await item.getAttribute('aria-disabled'), 'true');
    await item.press('Enter');
    assert.match(await chat.page.locator('[role=status].visually-hidden').innerText(), /Still answering/);
    assert.equal(await chat.page.getByRole('alertdialog').isVisible(), false);
  });

  it('closes a menu whose sequence is gone', async () => {
    const chat = await open();
    await chat.show(chatState({ exchanges, memory }));
    await openMenu(chat, 2);
    const sequences = memory.sequences.filter(({ id }) => id !== 's2');
    await chat.post({ type: 'memory', memory: { ...memory, sequences } });
    await chat.drawn();
    assert.equal(await chat.page.getByRole('menu').isVisible(), false);
    assert.equal(await chat.page.getByRole('option').count(), 4);
  });

  it('goes to the exchange of a tile, also of a chunk', async () => {
    const chat = await open();
    await chat.show(chatState({ exchanges, memory }));
    await openMenu(chat, 2);
    await chat.page.getByRole('menuitem', { name: 'Go to the exchange' }).click();
    await chat.page.waitForTimeout(100);
    assert.equal(await chat.page.evaluate(`document.activeElement.getAttribute('aria-label')`), 'Exchange 2');
    const offset = `document.activeElement.getBoundingClientRect().top - document.querySelector('.transcript').getBoundingClientRect().top`;
    assert.ok(Math.abs(Number(await chat.page.evaluate(offset))) < 30);
  });

  it('stays small and quick with a thousand tiles', async () => {
    const chat = await open();
    const many = memoryOf(Array.from({ length: 1000 }, (_, index) => (index % 2 === 0 ? 'anchored' : 'spilled')));
    await chat.show(chatState({ memory: many }));
    const box = await chat.page.locator('.tiles').boundingBox();
    assert.ok(box && box.height < 40, `${box?.height} pixels high`);
    const took = await chat.page.evaluate(`(async (memory) => {
      const start = performance.now();
      window.postMessage({ type: 'memory', memory });
      await new Promise((done) => setTimeout(() => requestAnimationFrame(() => setTimeout(done))));
      return performance.now() - start;
    })(${JSON.stringify({ ...many, kvBytes: 1 })})`);
    assert.ok(Number(took) < 400, `${Number(took)} ms`);
    const map = chat.page.getByRole('listbox');
    await map.press('End');
    for (let step = 0; step < 20; step++) {
      await map.press('ArrowLeft');
    }
    assert.match((await map.getAttribute('aria-activedescendant')) ?? '', /s980/);
  });
});
