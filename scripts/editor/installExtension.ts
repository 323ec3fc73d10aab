import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256Of } from '../prepare/files.ts';
import type { Step } from '../prepare/step.mjs';

/** Installs a packaged extension of ours into an editor whose data lies in `dataFolder`, if it is not the one there. */
export function installExtensionStep(dataFolder: string, vsix: string, install: () => Promise<unknown>): Step {
  return {
    name: 'extension',
    title: 'Installing the extension in the editor',
    key: () => sha256Of(vsix),
    isPresent: async () => {
      const names = await readdir(join(dataFolder, 'extensions')).catch(() => []);
      return names.some((name) => name.startsWith('anchorage.anchorage-'));
    },
    async make() {
      await install();
    },
  };
}
