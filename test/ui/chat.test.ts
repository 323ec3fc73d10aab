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
});

function count(text: string): number {
  return Number(text.replaceAll(/\D/g, ''));
}
