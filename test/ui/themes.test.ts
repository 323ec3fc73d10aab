import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import { ask, finished, openChat } from './chatPage.ts';
import { useEditor } from './useEditor.ts';

const themes = { light: 'Default Light Modern', dark: 'Default Dark Modern', 'high-contrast': 'Default High Contrast' };

for (const [name, theme] of Object.entries(themes)) {
  describe(`the packaged extension in the ${name} theme`, () => {
    const editor = useEditor({ 'workbench.colorTheme': theme, 'comments.openView': 'never' });

    it('is shown with an answer and an explanation, and a picture is taken', async () => {
      const { workbench } = editor();
      await workbench.openFile('fee.ts');
      const chat = await openChat(workbench);
      await ask(chat, 'Write a JavaScript function that reverses a string.');
      await finished(chat, 1);
      await workbench.selectLines(8, 13);
      await workbench.run('Anchorage: Explain Selection');
      await workbench.page.locator('.review-widget .comment-body').first().waitFor();
      await workbench.page.waitForTimeout(3_000);
      assert.equal(await chat.locator(`body.vscode-${name}`).count(), 1);
      const picture = await workbench.screenshot(`workbench-${name}`);
      assert.ok((await stat(picture)).size > 10_000);
      process.stdout.write(`      picture: ${picture}\n`);
    });
  });
}
