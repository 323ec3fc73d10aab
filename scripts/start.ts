// Opens the editor with the extension in it, on a sample workspace: `npm start`.
import { cp, mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { openDesktop } from './editor/desktop.ts';
import { openInBrowser } from './editor/openInBrowser.ts';
import { EditorServer } from './editor/editorServer.ts';
import { findDesktop } from './editor/findDesktop.ts';
import { exists } from './prepare/files.ts';
import { cacheFolder, root, vsixFile } from './prepare/folders.ts';
import { endProgramsOnSignals, prepare } from './prepare/prepare.ts';
import { PreparationError } from './prepare/preparationError.mjs';

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

const { values, positionals } = parseArgs({
  options: {
    browser: { type: 'boolean', default: false },
    'no-open': { type: 'boolean', default: false },
    port: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  },
  allowPositionals: true,
});

if (values.help) {
  process.stdout.write(usage);
} else {
  try {
    await start();
  } catch (error) {
    if (!(error instanceof PreparationError)) throw error;
    process.stderr.write(`\n${error.message}\n`);
    process.exitCode = 1;
  }
}

async function start(): Promise<void> {
  const port = values.port === undefined ? undefined : readPort(values.port);
  const folder = await workspaceFolder();
  endProgramsOnSignals();
  if (!values.browser) {
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
    port,
  });
  const address = server.url(folder);
  process.stdout.write(`\nVS Code with Anchorage: ${address}\nPress Ctrl-C to end it.\n`);
  if (!values['no-open']) await openInBrowser(address);
  await server.ended();
  throw new PreparationError(
    'failed',
    `The editor's server ended by itself; its log is ${join(server.dataFolder, 'server.log')}.`,
  );
}

async function workspaceFolder(): Promise<string> {
  const [given] = positionals;
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

function readPort(text: string): number {
  const port = Number(text);
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port;
  throw new PreparationError('badConfiguration', `--port ${text} is not a port: give a number from 1 to 65535.`);
}
