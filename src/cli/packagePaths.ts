import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Folder of this file: `src/cli`, or `dist` in the bundle. */
const here = dirname(fileURLToPath(import.meta.url));
const isBundle = !existsSync(join(here, '..', 'worker', 'main.ts'));

/** Root of the checkout or of the installed extension. */
const root = isBundle ? dirname(here) : dirname(dirname(here));

/** The worker's script: from source, or the bundle beside this one. */
export const workerPath = isBundle ? join(here, 'worker.mjs') : join(root, 'src', 'worker', 'main.ts');

/** The package of the built-in model. */
export const defaultPackageFolder = builtInPackage(root);

/** Where the built-in model's package lies in an installed extension, or else in a checkout. */
export function builtInPackage(folder: string): string {
  const installed = join(folder, 'model');
  return existsSync(installed) ? installed : join(folder, '.cache', 'packages', 'smollm2-135m-anchors');
}

/** Where the terminal's sessions are kept, by each system's convention. */
export function defaultStorageFolder(): string {
  if (process.platform === 'win32') {
    return join(process.env['LOCALAPPDATA'] ?? join(homedir(), 'AppData', 'Local'), 'anchorage');
  }
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Application Support', 'anchorage');
  return join(process.env['XDG_DATA_HOME'] ?? join(homedir(), '.local', 'share'), 'anchorage');
}
