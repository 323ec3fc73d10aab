import assert from 'node:assert/strict';
import type { Locator } from 'playwright-core';
import { useEditor } from './useEditor.ts';

describe('the packaged extension: explain', () => {
  // The panel with the list of comments would cover the thread.
  const editor = useEditor({ 'comments.openView': 'never' });

  it('explains selected code in a comment thread beside it', async () => {
    const { workbench } = editor();
    await workbench.openFile('fee.ts');
    await workbench.selectLines(8, 13);
    await workbench.run('Anchorage: Explain Selection');
    const thread = workbench.page.locator('.review-widget');
    await thread.getByText('Explanation of lines 8–13').waitFor();
    await replyOf(thread).waitFor({ timeout: 120_000 });
    assert.ok((await lastComment(thread)).length > 5);
  });

  it('answers a reply in the thread', async () => {
    const { workbench } = editor();
    const thread = workbench.page.locator('.review-widget');
    const before = await thread.locator('.comment-body').count();
    await replyOf(thread).click();
    await workbench.page.keyboard.type('What does it return?');
    await thread.locator('.monaco-button', { hasText: /^Ask$/ }).click();
    await thread.getByText('What does it return?').waitFor();
    await thread
      .locator('.comment-body')
      .nth(before + 1)
      .waitFor({ timeout: 60_000 });
    await replyOf(thread).waitFor({ timeout: 120_000 });
    assert.ok((await lastComment(thread)).length > 0);
  });
});

/** The field to write a reply in, open or folded into a button: it is shown while nothing is being written by the model. */
function replyOf(thread: Locator): Locator {
  return thread.locator('.comment-form .monaco-editor, .review-thread-reply-button').filter({ visible: true }).first();
}

async function lastComment(thread: Locator): Promise<string> {
  return (await thread.locator('.comment-body').allInnerTexts()).at(-1) ?? '';
}
