import { spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder, root } from '../prepare/folders.ts';
import { withoutEditorVariables } from './editorVariables.ts';

/**
 * Opens the desktop's VS Code on a folder with the extension from this checkout, and waits for the window to be closed.
 * Settings, extensions and window state are apart from the user's own.
 *
 * @returns the exit code of the `code` command
 */
export async function openDesktop(
  code: string,
  folder: string,
  settings: Readonly<Record<string, unknown>>,
): Promise<number> {
  const dataFolder = join(cacheFolder, 'editor', 'desktop');
  await mkdir(join(dataFolder, 'User'), { recursive: true });
  await writeFile(
    join(dataFolder, 'User', 'settings.json'),
    `${JSON.stringify({ 'workbench.startupEditor': 'none', ...settings }, undefined, 2)}\n`,
  );
  const args = desktopArguments(dataFolder, folder);
  process.stdout.write(`\nOpening ${folder} with ${code}. This command ends when the window is closed.\n`);
  return new Promise((resolve, reject) => {
    const child = spawn(code, args, { stdio: 'inherit', env: withoutEditorVariables(process.env) });
    child.once('error', reject);
    child.once('close', (exitCode) => {
      resolve(exitCode ?? 1);
    });
  });
}

/** The arguments of the `code` command. */
export function desktopArguments(dataFolder: string, folder: string): readonly string[] {
  return [
    `--extensionDevelopmentPath=${root}`,
    `--user-data-dir=${dataFolder}`,
    `--extensions-dir=${join(dataFolder, 'extensions')}`,
    '--new-window',
    '--wait',
    folder,
  ];
}
