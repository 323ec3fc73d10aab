import assert from 'node:assert/strict';
import { ask, askForLong, finished, finishedExchanges, lastAnswer, openChat, until } from './chatPage.ts';
import { useEditor } from './useEditor.ts';

describe('the packaged extension: chat', () => {
  const editor = useEditor();

  it('leaves the keyboard to the editor when it shows itself, and has it when the user goes to it', async () => {
    const { workbench } = editor();
    const input = workbench.chat.getByRole('textbox', { name: 'Ask Anchorage' });
    // Its page runs when the model is loaded: what would take the focus has taken it.
    await workbench.chat.getByText('smollm2-135m-anchors · int8 · CPU').waitFor({ timeout: 60_000 });
    assert.notEqual(await workbench.page.evaluate('document.activeElement?.tagName'), 'IFRAME');
    await openChat(workbench);
    await until(() => input.evaluate((element) => element.ownerDocument.hasFocus() && element.matches(':focus')));
    await workbench.page.keyboard.type('mine');
    await until(async () => (await input.inputValue()) === 'mine');
    await input.fill('');
  });

  it('loads the model that the package brings', async () => {
    const { workbench } = editor();
    const chat = await openChat(workbench);
    await chat.getByText('smollm2-135m-anchors · int8 · CPU').waitFor({ timeout: 60_000 });
  });

  it('answers a question about an attached file', async () => {
    const { workbench } = editor();
    const chat = await openChat(workbench);
    await workbench.openFile('fee.ts');
    await workbench.run('Anchorage: Attach File to Chat');
    await workbench.choose('fee.ts');
    await chat.getByRole('list', { name: 'Attachments' }).getByText('fee.ts').waitFor();
    await ask(chat, 'What does the function lateFee return for children?');
    await finished(chat, 1);
    assert.ok((await lastAnswer(chat)).length > 0);
  });

  it('counts what the session holds, in fewer rows than tokens once it is sealed', async () => {
    const { workbench } = editor();
    const chat = await openChat(workbench);
    const meter = chat.getByRole('region', { name: 'Memory' });
    await meter.waitFor();
    // Sealing happens in idle time.
    const held = async () =>
      /([\d,.\s]+) tokens? in ([\d,.\s]+) rows?/
        .exec(await meter.innerText())
        ?.slice(1)
        .map(count) ?? [];
    const deadline = Date.now() + 60_000;
    let [tokens = 0, rows = 0] = await held();
    while ((tokens === 0 || rows * 2 > tokens) && Date.now() < deadline) {
      await workbench.page.waitForTimeout(500);
      [tokens = 0, rows = 0] = await held();
    }
    assert.ok(tokens > 200, `${tokens} tokens`);
    assert.ok(rows * 2 < tokens, `${tokens} tokens in ${rows} rows`);
  });

  it('shows an answer while it is being written', async () => {
    const { workbench } = editor();
    const chat = await openChat(workbench);
    const before = await finishedExchanges(chat);
    await ask(chat, 'Write a Python class for a bank account with ten methods.');
    const lengths = new Set<number>();
    await until(async () => {
      lengths.add((await lastAnswer(chat)).length);
      return (await finishedExchanges(chat)) > before;
    });
    assert.ok(lengths.size > 3, `the answer was seen at ${lengths.size} lengths`);
  });

  it('stops when asked, and gives the question back', async () => {
    const { workbench } = editor();
    const chat = await openChat(workbench);
    const question = await askForLong(workbench);
    await chat.getByRole('button', { name: 'Stop' }).click();
    await chat.getByRole('button', { name: 'Stop' }).waitFor({ state: 'hidden', timeout: 10_000 });
    const input = chat.getByRole('textbox', { name: 'Ask Anchorage' });
    await until(async () => (await input.inputValue()) === question);
    await input.fill('');
    await chat.getByRole('button', { name: 'Remove long.ts' }).click();
  });

  it('shows the session again after the window was reloaded, and goes on in it', async () => {
    const { workbench } = editor();
    const before = await lastAnswer(workbench.chat);
    await workbench.reload();
    const chat = await openChat(workbench);
    await chat.getByRole('article').first().waitFor();
    assert.equal(await lastAnswer(chat), before);
    const exchanges = await finishedExchanges(chat);
    await ask(chat, 'What is a library card?');
    await finished(chat, exchanges + 1);
    assert.ok((await lastAnswer(chat)).length > 0);
  });

  it('begins a new session, and opens an old one again from the list', async () => {
    const { workbench } = editor();
    const chat = await openChat(workbench);
    await chat.getByRole('button', { name: 'New session' }).click();
    await chat.getByText('Ask about your code').waitFor();
    assert.equal(await chat.getByRole('article').count(), 0);
    await chat.getByRole('button', { name: 'Sessions' }).click();
    const sessions = chat.getByRole('dialog', { name: 'Sessions' });
    await sessions.locator('.session-open', { hasText: 'lateFee' }).click();
    await chat.getByRole('article').filter({ hasText: 'lateFee return for children' }).waitFor();
  });

  it('asks a question anew in other words, and goes back to the version before', async () => {
    const { workbench } = editor();
    const chat = await openChat(workbench);
    const last = chat.getByRole('article').last();
    await last.locator('.question').hover();
    await last.getByRole('button', { name: 'Edit the question' }).click();
    await chat.getByRole('textbox', { name: 'Edit the question' }).fill('What is a library?');
    await chat.getByRole('button', { name: 'Ask anew' }).click();
    await chat.getByRole('group', { name: 'Version 2 of 2' }).waitFor({ timeout: 120_000 });
    assert.match(await last.innerText(), /What is a library\?/);
    await chat.getByRole('button', { name: 'Version before' }).click();
    await chat.getByRole('group', { name: 'Version 1 of 2' }).waitFor();
    assert.match(await last.innerText(), /What is a library card\?/);
  });

  it('pins a sequence and shows its text', async () => {
    const { workbench } = editor();
    const chat = await openChat(workbench);
    const tile = chat.getByRole('option', { name: /^File: .*fee\.ts/ }).first();
    await tile.click();
    await chat.getByRole('menuitem', { name: 'Show its text' }).click();
    await chat
      .getByRole('region', { name: /^Text of / })
      .getByText('lateFee')
      .waitFor();
    await workbench.page.keyboard.press('Escape');
    await workbench.page.keyboard.press('Enter');
    await chat.getByRole('menuitem', { name: 'Pin' }).click();
    await chat
      .getByRole('option', { name: /^File: .*fee\.ts.*pinned/ })
      .first()
      .waitFor();
  });

  it('renames a session, and finds it by the words that were said in it', async () => {
    const { workbench } = editor();
    const chat = await openChat(workbench);
    await chat.getByRole('button', { name: 'Sessions' }).click();
    const sessions = chat.getByRole('dialog', { name: 'Sessions' });
    await sessions.getByRole('button', { name: /^Actions for .*lateFee/ }).click();
    await sessions.getByRole('menuitem', { name: 'Rename' }).click();
    await workbench.page.keyboard.type('Fees');
    await workbench.page.keyboard.press('Enter');
    await sessions.locator('.session-open', { hasText: 'Fees' }).waitFor();
    await sessions.getByRole('searchbox').fill('children');
    const hit = sessions.locator('.session-open', { hasText: 'Fees' });
    await hit.locator('mark', { hasText: 'children' }).first().waitFor();
    await hit.click();
    await chat.locator('article.marked', { hasText: 'for children' }).waitFor();
    assert.equal(await chat.getByRole('heading', { level: 1 }).innerText(), 'Fees');
  });

  it('forgets an exchange for good', async () => {
    const { workbench } = editor();
    const chat = await openChat(workbench);
    await chat.getByRole('option', { name: /^Exchange: What is a library card/ }).click();
    await chat.getByRole('menuitem', { name: 'Forget…' }).click();
    await chat.getByRole('button', { name: 'Forget for good' }).click();
    await chat.getByRole('article').last().getByText('Forgotten').waitFor();
    assert.equal(await chat.getByText('What is a library card?').count(), 0);
  });
});

function count(text: string): number {
  return Number(text.replaceAll(/\D/g, ''));
}
