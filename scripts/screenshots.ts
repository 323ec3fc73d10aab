// Takes the README's picture, docs/screenshot.png, of the packaged extension at work: `npm run screenshots`.
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { noOptions, readOptions } from './options.ts';
import { launchBrowser } from './editor/browser.ts';
import { EditorServer } from './editor/editorServer.ts';
import { copySampleWorkspace } from './editor/sampleWorkspace.ts';
import { Workbench } from './editor/workbench.ts';
import { root, vsixFile } from './prepare/folders.ts';

readOptions({ usage: 'usage: npm run screenshots', schema: noOptions });

const picture = join(root, 'docs', 'screenshot.png');
const questions = ['What does renewLoan do?', 'Write a JavaScript function that reverses a string.'];
const answerLimitMs = 120_000;

const dataFolder = await mkdtemp(join(tmpdir(), 'anchorage-screenshots-'));
const settings = {
  'chat.disableAIFeatures': true,
  'comments.openView': 'never',
  'editor.minimap.enabled': false,
  'workbench.colorTheme': 'Default Dark Modern',
  'workbench.secondarySideBar.defaultVisibility': 'visible',
};
const server = await EditorServer.start({ dataFolder: join(dataFolder, 'data'), vsix: vsixFile, settings });
const browser = await launchBrowser();
try {
  const workspace = await copySampleWorkspace(dataFolder);
  const workbench = await Workbench.open(browser, server.url(workspace), { width: 1360, height: 850 });
  const { chat, page } = workbench;
  // The meter then stands at what it counts.
  await page.emulateMedia({ reducedMotion: 'reduce' });
  const input = chat.getByRole('textbox', { name: 'Ask Anchorage' });
  await input.waitFor();
  await workbench.openFile('loan.ts');
  await workbench.run('Anchorage: Attach File to Chat');
  await workbench.choose('loan.ts');
  for (const [index, question] of questions.entries()) {
    await input.fill(question);
    // A list that has just closed gives the focus back late, and takes the key with it.
    do {
      await input.press('Enter');
      await page.waitForTimeout(200);
    } while ((await input.inputValue()) !== '');
    await chat.locator('.exchange-footer').nth(index).waitFor({ timeout: answerLimitMs });
  }
  await workbench.selectLines(34, 36);
  await workbench.run('Anchorage: Explain Selection');
  await page.locator('.comment-form .monaco-editor').first().waitFor({ timeout: answerLimitMs });
  // What was answered is sealed in idle time: the meter then shows what is held.
  await chat.locator('.tile-live.tile-exchange').waitFor({ state: 'detached', timeout: answerLimitMs });
  await mkdir(join(root, 'docs'), { recursive: true });
  await page.screenshot({ path: picture });
  process.stdout.write(`${picture}\n`);
} finally {
  await browser.close();
  server.stop();
  await rm(dataFolder, { recursive: true, force: true, maxRetries: 5 });
}
