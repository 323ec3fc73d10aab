import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { exists } from './files.ts';
import { cacheFolder } from './folders.ts';
import { runProgram } from './program.mjs';
import type { Step } from './step.mjs';
import { withWorkFolder } from './workFolder.mjs';

/** VS Code 1.139.1 served to a browser; the version that the tests run on. */
const version = '4.139.1';
const toolsFolder = join(cacheFolder, 'tools');
const folder = join(toolsFolder, `code-server-${version}`);
const entry = join('node_modules', 'code-server', 'out', 'node', 'entry.js');

/** code-server's entry, to be run on Node 24. */
export const codeServerEntry = join(folder, entry);

/**
 * Installs code-server. Its install scripts are not run: they compile modules that it works without (log files,
 * Kerberos) and download; what they do that counts, the editor's own packages and two links, is done here.
 */
export function codeServerStep(): Step {
  return {
    name: 'code-server',
    title: `Installing code-server ${version} (VS Code in the browser)`,
    // Measured: 0.64e9, and what npm keeps of it.
    neededBytes: 0.9e9,
    key: () => `${version} 1`,
    isPresent: () => exists(codeServerEntry),
    async make(progress) {
      await mkdir(toolsFolder, { recursive: true });
      const nodeFolder = dirname(process.execPath);
      const env = { ...process.env, PATH: `${nodeFolder}:${process.env['PATH'] ?? ''}` };
      const install = async (cwd: string, ...what: readonly string[]) => {
        const flags = ['--ignore-scripts', '--omit=dev', '--no-audit', '--no-fund'];
        await runProgram('npm', ['install', ...flags, ...what], { cwd, env });
      };
      await withWorkFolder(cacheFolder, async (work) => {
        await writeFile(join(work, 'package.json'), '{ "name": "anchorage-editor", "private": true }\n');
        progress.advance({ note: 'server' });
        await install(work, '--save-exact', `code-server@${version}`);
        const editor = join(work, 'node_modules', 'code-server', 'lib', 'vscode');
        progress.advance({ note: 'editor' });
        await install(editor);
        progress.advance({ note: "editor's extensions" });
        await install(join(editor, 'extensions'));
        await runProgram(process.execPath, ['postinstall.mjs'], { cwd: join(editor, 'extensions'), env });
        await link('code-linux.sh', join(editor, 'bin', 'remote-cli', 'code-server'));
        await link('browser-linux.sh', join(editor, 'bin', 'helpers', 'browser.sh'));
        await rm(folder, { recursive: true, force: true });
        await rename(work, folder);
      });
    },
  };
}

async function link(target: string, path: string): Promise<void> {
  await rm(path, { force: true });
  await symlink(target, path);
}
