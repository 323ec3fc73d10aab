import type { FrameLocator } from 'playwright-core';
import type { Workbench } from '../../scripts/editor/workbench.ts';
import { longFile } from './useEditor.ts';

/** Shows the chat view, and gives its page once the model is ready. */
export async function openChat(workbench: Workbench): Promise<FrameLocator> {
  await workbench.run('Anchorage: Focus on Chat View');
  const { chat } = workbench;
  await chat.getByRole('textbox', { name: 'Ask Anchorage' }).waitFor({ timeout: 30_000 });
  return chat;
}

/** Sends a question as a person does; the page takes it by clearing the input. */
export async function ask(chat: FrameLocator, question: string): Promise<void> {
  const input = chat.getByRole('textbox', { name: 'Ask Anchorage' });
  await input.fill(question);
  await until(async () => {
    if ((await input.inputValue()) !== '') await input.press('Enter');
    return (await input.inputValue()) === '';
  });
}

/**
 * Asks about a file that takes the model minutes to read, and returns while it is being read.
 *
 * @returns the question
 */
export async function askForLong(workbench: Workbench): Promise<string> {
  await workbench.openFile(longFile);
  await workbench.run('Anchorage: Attach File to Chat');
  await workbench.choose(longFile);
  const { chat } = workbench;
  await chat.getByRole('list', { name: 'Attachments' }).getByText(longFile).waitFor();
  const question = 'What is the last value in this file?';
  await ask(chat, question);
  await chat.getByRole('button', { name: 'Stop' }).waitFor();
  await chat.getByText(/Reading [\d,]+ of [\d,]+ tokens/).waitFor({ timeout: 60_000 });
  return question;
}

/** Looks again and again, until it is so or two minutes have passed. */
export async function until(holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 120_000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error('It did not come to hold within two minutes.');
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
}

/** How many exchanges are finished, that is, show what they took. */
export function finishedExchanges(chat: FrameLocator): Promise<number> {
  return chat.locator('.exchange .exchange-footer').count();
}

/** Waits until so many exchanges are finished. */
export async function finished(chat: FrameLocator, exchanges: number): Promise<void> {
  const last = chat.locator('.exchange .exchange-footer').nth(exchanges - 1);
  await last.waitFor({ timeout: 120_000 });
}

/** The text of the last answer, finished or being written. */
export async function lastAnswer(chat: FrameLocator): Promise<string> {
  const texts = await chat.locator('.answer').allInnerTexts();
  return texts.at(-1) ?? '';
}
