import assert from 'node:assert/strict';
import { chatState, exchange, running } from './chatStates.ts';
import { useChat } from './useChat.ts';

const first = exchange('e1', 'What is a monad?', 'A box.', {
  attachments: [{ kind: 'file', path: 'src/app.ts', languageId: 'typescript', startLine: 1, lines: 9 }],
});
const second = exchange('e2', 'And why?', 'Because.', { siblings: ['e0', 'e2', 'e9'] });
const both = chatState({ exchanges: [first, second] });
const said = '[role=status].visually-hidden';
const focused = `document.activeElement.getAttribute('aria-label')`;

describe('chat page: branches', function () {
  this.timeout(10_000);
  const open = useChat();

  it('asks a question anew in other words, in its place', async () => {
    const chat = await open();
    await chat.show(both);
    await chat.page.getByRole('button', { name: 'Edit the question' }).first().click();
    const field = chat.page.getByRole('textbox', { name: 'Edit the question' });
    assert.equal(await field.inputValue(), 'What is a monad?');
    await chat.drawn();
    assert.equal(await chat.page.getByRole('button', { name: 'Jump to the latest' }).isVisible(), false);
    assert.match(await chat.page.locator('.edit-kept').innerText(), /Read again with it:\s*app\.ts/);
    await chat.page.keyboard.press('Shift+Enter');
    await chat.page.keyboard.type('In C?');
    await chat.page.keyboard.press('Enter');
    assert.deepEqual(await chat.untilSent('edit'), {
      type: 'edit',
      exchangeId: 'e1',
      text: 'What is a monad?\nIn C?',
    });
    await chat.show({ ...both, exchanges: [], running: running({ question: 'What is a monad?\nIn C?', edits: 'e1' }) });
    assert.deepEqual(await chat.page.locator('.question-text').allInnerTexts(), ['What is a monad?\nIn C?']);
    assert.equal(await chat.page.evaluate(focused), 'Ask Anchorage');
    await chat.show({
      ...both,
      exchanges: [exchange('e3', 'What is a monad?\nIn C?', 'No.', { siblings: ['e1', 'e3'] })],
    });
    assert.equal(await field.isVisible(), false);
    assert.equal(await chat.page.locator(said).innerText(), 'Answer: No.');
  });

  it('leaves the question as it was on Escape and Cancel, and asks nothing empty', async () => {
    const chat = await open();
    await chat.show(both);
    const pencil = chat.page.getByRole('button', { name: 'Edit the question' }).first();
    for (const leave of ['Escape', 'Cancel']) {
      await pencil.press('Enter');
      await chat.page.keyboard.type(' no');
      await (leave === 'Escape'
        ? chat.page.keyboard.press('Escape')
        : chat.page.getByRole('button', { name: leave }).click());
      assert.equal(await chat.page.locator('.question-text').first().innerText(), 'What is a monad?');
      assert.equal(await chat.page.evaluate(focused), 'Edit the question');
    }
    await pencil.press('Enter');
    await chat.page.getByRole('textbox', { name: 'Edit the question' }).fill(' ');
    await chat.page.keyboard.press('Enter');
    assert.equal(await chat.page.getByRole('button', { name: 'Ask anew' }).isDisabled(), true);
    assert.ok(!chat.sent.some(({ type }) => type === 'edit' || type === 'stop'));
  });

  it('shows the old branch again when an edited question got no answer, and keeps the words in the field', async () => {
    const chat = await open();
    await chat.show(both);
    await chat.page.getByRole('button', { name: 'Edit the question' }).first().click();
    await chat.page.keyboard.type(' Briefly.');
    await chat.page.keyboard.press('Enter');
    await chat.untilSent('edit');
    await chat.show({ ...both, exchanges: [], running: running({ edits: 'e1' }) });
    const error = { message: 'The worker ended.', remedy: 'Ask again.', action: null };
    await chat.show({ ...both, error });
    const field = chat.page.getByRole('textbox', { name: 'Edit the question' });
    assert.equal(await field.inputValue(), 'What is a monad? Briefly.');
    assert.equal(await chat.page.evaluate(focused), 'Edit the question');
    assert.equal(await chat.page.locator('.exchange').count(), 2);
    assert.equal(await chat.page.locator(said).innerText(), 'Answering', 'an old answer is no news');
  });

  it('answers again, any answer', async () => {
    const chat = await open();
    await chat.show(both);
    await chat.page.getByRole('button', { name: 'Answer again' }).first().click();
    assert.deepEqual(await chat.untilSent('edit'), { type: 'edit', exchangeId: 'e1', text: '' });
    await chat.show({ ...both, exchanges: [], running: running({ edits: 'e1' }) });
    await chat.show(both);
    assert.equal(await chat.page.getByRole('textbox', { name: 'Edit the question' }).count(), 0);
  });

  it('switches between the versions of an exchange and keeps the focus there', async () => {
    const chat = await open();
    await chat.show(both);
    const group = chat.page.getByRole('group', { name: 'Version 2 of 3' });
    assert.equal((await group.innerText()).trim(), '2/3');
    await group.getByRole('button', { name: 'Version after' }).press('Enter');
    assert.deepEqual(await chat.untilSent('selectBranch'), { type: 'selectBranch', exchangeId: 'e9' });
    const last = exchange('e9', 'And how?', 'So.', { siblings: ['e0', 'e2', 'e9'] });
    await chat.show(chatState({ exchanges: [first, last] }));
    assert.equal(await chat.page.getByRole('button', { name: 'Version after' }).isDisabled(), true);
    assert.equal(await chat.page.evaluate(focused), 'Version before');
    assert.equal(await chat.page.getByRole('group', { name: 'Version 3 of 3' }).count(), 1);
  });

  it('changes nothing while an answer is written, and says why', async () => {
    const chat = await open();
    await chat.show(both);
    await chat.page.getByRole('button', { name: 'Edit the question' }).first().click();
    await chat.show({ ...both, running: running() });
    for (const name of ['Ask anew', 'Answer again', 'Version before', 'Edit the question']) {
      const button = chat.page.getByRole('button', { name }).last();
      assert.equal(await button.getAttribute('aria-disabled'), 'true', name);
      assert.match((await button.getAttribute('title')) ?? '', /Still answering/);
      await button.press('Enter');
    }
    await chat.page.getByRole('textbox', { name: 'Edit the question' }).press('Enter');
    assert.match(await chat.page.locator(said).innerText(), /Still answering/);
    assert.ok(!chat.sent.some(({ type }) => type === 'edit' || type === 'selectBranch'));
    await chat.show(both);
    assert.equal(await chat.page.locator('[aria-disabled=true].when-idle').count(), 0);
  });

  it('shows a forgotten exchange as one line, whose other versions are still there', async () => {
    const chat = await open();
    const gone = { isForgotten: true, siblings: ['e1', 'e4'] };
    await chat.show(
      chatState({ exchanges: [exchange('e1', '', '', gone), exchange('e2', '', '', { isForgotten: true })] }),
    );
    assert.deepEqual(
      (await chat.page.locator('.exchange').allInnerTexts()).map((text) => text.replace(/\s+/g, ' ').trim()),
      ['Forgotten 1/2', 'Forgotten'],
    );
    for (const name of ['Edit the question', 'Answer again', 'Copy the answer']) {
      assert.equal(await chat.page.getByRole('button', { name }).count(), 0);
    }
    await chat.page.getByRole('button', { name: 'Version after' }).click();
    assert.deepEqual(await chat.untilSent('selectBranch'), { type: 'selectBranch', exchangeId: 'e4' });
  });

  it('says what was read again for an answer, and why', async () => {
    const chat = await open();
    const why = [
      { kind: 'words' as const, words: ['parseConfig', 'timeout', 'max_size'] },
      { kind: 'attention' as const },
      { kind: 'followUp' as const },
      { kind: 'user' as const },
    ];
    const rehydrated = why.map((reason, index) => ({
      sequenceId: `s${index}`,
      label: `src/a.ts:${index}`,
      tokens: 9,
      why: reason,
    }));
    await chat.show(
      chatState({
        exchanges: [
          { ...first, rehydrated: rehydrated.slice(0, 1) },
          { ...second, rehydrated },
        ],
      }),
    );
    const lines = chat.page.locator('.reread');
    assert.equal(await lines.nth(0).innerText(), 'Read again:src/a.ts:0 (shares parseConfig, timeout, max_size)');
    assert.deepEqual(await lines.nth(0).locator('code').allInnerTexts(), ['parseConfig', 'max_size']);
    assert.match(await lines.nth(1).innerText(), /^Read again:\s*src\/a\.ts:0\s+and 3 more$/);
    await lines.nth(1).locator('summary').press('Enter');
    assert.deepEqual((await lines.nth(1).locator('li').allInnerTexts()).slice(1), [
      'src/a.ts:1 (the question attends to it)',
      'src/a.ts:2 (the exchange before)',
      'src/a.ts:3 (as you asked)',
    ]);
  });
});
