import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { launchBrowser } from '../../scripts/editor/browser.ts';
import { EditorServer } from '../../scripts/editor/editorServer.ts';
import { copySampleWorkspace } from '../../scripts/editor/sampleWorkspace.ts';
import { Workbench } from '../../scripts/editor/workbench.ts';
import { vsixFile } from '../../scripts/prepare/folders.ts';

/** A file of the opened folder that takes the model minutes to read. */
export const longFile = 'long.ts';

/** VS Code with the packaged extension installed, as the tests of one file share it. */
export interface Editor {
  readonly workbench: Workbench;
  readonly server: EditorServer;
  /** The opened folder: a copy of the sample workspace. */
  readonly workspace: string;
}

/**
 * Starts an editor for the tests of the enclosing describe, and ends it after them. A failed test leaves a picture in
 * .cache/screenshots.
 *
 * @returns a function that gives the editor, to be called inside a test
 */
export function useEditor(settings: Readonly<Record<string, unknown>> = {}): () => Editor {
  let editor: Editor | undefined;
  let browser: Browser | undefined;
  let folder: string | undefined;

  before(async function () {
    this.timeout(120_000);
    folder = await mkdtemp(join(tmpdir(), 'anchorage-ui-'));
    const workspace = await copySampleWorkspace(folder);
    const lines = Array.from({ length: 1_500 }, (_, index) => `export const value${index} = ${index * 7};`);
    await writeFile(join(workspace, longFile), lines.join('\n'));
    const server = await EditorServer.start({
      dataFolder: join(folder, 'data'),
      vsix: vsixFile,
      // Without VS Code's own chat, ours is what the secondary side bar shows.
      settings: {
        'chat.disableAIFeatures': true,
        'workbench.secondarySideBar.defaultVisibility': 'visible',
        ...settings,
      },
    });
    browser = await launchBrowser();
    const workbench = await Workbench.open(browser, server.url(workspace));
    // The extension shows its chat once after it was installed.
    await workbench.chat.getByRole('textbox', { name: 'Ask Anchorage' }).waitFor({ timeout: 60_000 });
    editor = { server, workspace, workbench };
  });

  afterEach(async function () {
    if (this.currentTest?.state !== 'failed' || editor === undefined) return;
    const name = this.currentTest
      .fullTitle()
      .replaceAll(/[^\w]+/g, '-')
      .slice(0, 100);
    process.stdout.write(`      picture: ${await editor.workbench.screenshot(`failed-${name}`)}\n`);
  });

  after(async function () {
    this.timeout(30_000);
    await browser?.close();
    editor?.server.stop();
    if (folder !== undefined) await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 300 });
  });

  return () => {
    if (editor === undefined) throw new Error('The editor is there inside tests only.');
    return editor;
  };
}
