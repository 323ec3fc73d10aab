// Opens the editor with the extension in it, on a sample workspace: `npm start`.
import { cp, mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { openDesktop } from './editor/desktop.ts';
import { openInBrowser } from './editor/openInBrowser.ts';
import { EditorServer } from './editor/editorServer.ts';
import { findDesktop } from './editor/findDesktop.ts';
import { readOptions } from './options.ts';
import { exists } from './prepare/files.ts';
import { cacheFolder, root, vsixFile } from './prepare/folders.ts';
import { endProgramsOnSignals, prepare } from './prepare/prepare.ts';
import { endWithError, PreparationError } from './prepare/preparationError.mjs';

const usage = `usage: npm start [-- [FOLDER] [--browser] [--no-open] [--port PORT]]

Opens VS Code with Anchorage on FOLDER, by default a copy of the sample project. Where a desktop's "code" of this machine
is on PATH and new enough, it is used, with settings and extensions of its own; else code-server serves VS Code to a
browser on this machine (127.0.0.1 only), and the reason and its address are printed.

  --browser     serve to a browser even where the desktop's VS Code is there
  --no-open     print the address, open no browser
  --port PORT   serve on this port instead of a free one
`;

/** For a first look: our view is at hand and nothing else asks for attention. */
const settings = {
  // Without its own chat, VS Code shows ours first in the secondary side bar.
  'chat.disableAIFeatures': true,
  'workbench.secondarySideBar.defaultVisibility': 'visible',
  'security.workspace.trust.enabled': false,
};

const options = readOptions({
  usage,
  options: { browser: { type: 'boolean' }, 'no-open': { type: 'boolean' }, port: { type: 'string' } },
  schema: z.object({
    browser: z.boolean().default(false),
    'no-open': z.boolean().default(false),
    port: z.coerce.number().int().min(1).max(65_535).optional(),
    _: z.array(z.string()).max(1, 'one folder is taken'),
  }),
});

try {
  await start();
} catch (error) {
  endWithError(error);
}

async function start(): Promise<void> {
  const folder = await workspaceFolder();
  endProgramsOnSignals();
  if (!options.browser) {
    const desktop = await findDesktop();
    if ('code' in desktop) {
      process.exitCode = await openDesktop(desktop.code, folder, settings);
      return;
    }
    process.stderr.write(`Serving VS Code to a browser: ${desktop.because}.\n`);
  }
  await prepare(['vsix', 'codeServer']);
  const server = await EditorServer.start({
    dataFolder: join(cacheFolder, 'editor', 'browser'),
    settings,
    vsix: vsixFile,
    port: options.port,
  });
  const address = server.url(folder);
  process.stdout.write(`\nVS Code with Anchorage: ${address}\nPress Ctrl-C to end it.\n`);
  if (!options['no-open']) await openInBrowser(address);
  await server.ended();
  throw new PreparationError(
    'failed',
    `The editor's server ended by itself; its log is ${join(server.dataFolder, 'server.log')}.`,
  );
}

async function workspaceFolder(): Promise<string> {
  const [given] = options._;
  if (given !== undefined) {
    const folder = resolve(process.env['INIT_CWD'] ?? process.cwd(), given);
    if (await exists(folder)) return folder;
    throw new PreparationError('badConfiguration', `There is no folder ${folder}.`);
  }
  // A copy: what a visitor changes in it is kept, and the repository stays as it is.
  const copy = join(cacheFolder, 'editor', 'lending-desk');
  if (!(await exists(copy))) {
    await mkdir(join(cacheFolder, 'editor'), { recursive: true });
    await cp(join(root, 'test', 'fixtures', 'sample-workspace'), copy, { recursive: true });
  }
  return copy;
}
