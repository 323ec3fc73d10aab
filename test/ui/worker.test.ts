import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { ask, askForLong, finished, lastAnswer, openChat } from './chatPage.ts';
import { useEditor } from './useEditor.ts';

describe('the packaged extension: the worker process', () => {
  const editor = useEditor();

  it('is started again when it dies, and the session goes on', async () => {
    const { workbench, server } = editor();
    const chat = await openChat(workbench);
    await ask(chat, 'What is a stack?');
    await finished(chat, 1);

    const question = await askForLong(workbench);
    const [worker] = await processesOf(server.dataFolder, 'worker.mjs');
    assert.ok(worker, 'no worker process was found');
    process.kill(worker, 'SIGKILL');
    await chat.getByRole('alert').getByRole('button', { name: 'Try again' }).waitFor({ timeout: 20_000 });
    assert.match(await chat.getByRole('article').first().innerText(), /What is a stack/);

    await chat.getByText(/smollm2-135m-anchors · int\d · CPU/).waitFor({ timeout: 60_000 });
    const input = chat.getByRole('textbox', { name: 'Ask Anchorage' });
    assert.equal(await input.inputValue(), question);
    await chat.getByRole('button', { name: 'Remove long.ts' }).click();
    await ask(chat, 'What is a queue?');
    await finished(chat, 2);
    assert.ok((await lastAnswer(chat)).length > 0);
    const [second] = await processesOf(server.dataFolder, 'worker.mjs');
    assert.notEqual(second, worker);
  });
});

/** Ids of the processes whose command line has both texts in it. */
async function processesOf(folder: string, script: string): Promise<readonly number[]> {
  const ids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(
    ids.map(async (id) => ({ id: Number(id), line: await readFile(`/proc/${id}/cmdline`, 'utf8').catch(() => '') })),
  );
  return lines.filter(({ line }) => line.includes(folder) && line.includes(script)).map(({ id }) => id);
}
