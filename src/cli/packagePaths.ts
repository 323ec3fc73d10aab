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

const builtIn = 'smollm2-135m-anchors';

/** The package of the built-in model: as a checkout builds it, or as the extension brings it. */
export const defaultPackageFolder =
  [join(root, '.cache', 'packages', builtIn), join(root, 'packages', builtIn)].find((folder) => existsSync(folder)) ??
  join(root, '.cache', 'packages', builtIn);

/** Where the terminal's sessions are kept, by each system's convention. */
export function defaultStorageFolder(): string {
  if (process.platform === 'win32') {
    return join(process.env['LOCALAPPDATA'] ?? join(homedir(), 'AppData', 'Local'), 'anchorage');
  }
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Application Support', 'anchorage');
  return join(process.env['XDG_DATA_HOME'] ?? join(homedir(), '.local', 'share'), 'anchorage');
}
