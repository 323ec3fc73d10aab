import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { exists } from './files.ts';
import { cacheFolder } from './folders.ts';
import { runProgram } from './program.mjs';
import type { Step } from './step.mjs';
import { withWorkFolder } from './workFolder.mjs';

const version = '3.22.1';
const platforms: Readonly<Partial<Record<NodeJS.Platform, string>>> = { darwin: 'mac', win32: 'win' };
const metal = process.platform === 'darwin' && process.arch === 'arm64' ? '-metal' : '';
/** Its other optional dependencies are builds for graphics cards, 700 MB of them. */
const platform = `@node-llama-cpp/${platforms[process.platform] ?? 'linux'}-${process.arch}${metal}`;

/** Where node-llama-cpp is installed: apart from the project's own packages, for the one comparison that needs it. */
export const llamaFolder = join(cacheFolder, 'tools', `node-llama-cpp-${version}`);

/** Installs node-llama-cpp, as the reference of the tokenizer. */
export function llamaCppStep(): Step {
  return {
    name: 'llama',
    title: `Installing node-llama-cpp ${version}`,
    neededBytes: 5e8,
    key: () => `${version} ${platform}`,
    isPresent: () => exists(join(llamaFolder, 'node_modules', platform)),
    async make(progress) {
      await mkdir(dirname(llamaFolder), { recursive: true });
      await withWorkFolder(cacheFolder, async (work) => {
        const installed = join(work, 'installed');
        await mkdir(installed);
        await writeFile(join(installed, 'package.json'), '{ "private": true }\n');
        const packages = [`node-llama-cpp@${version}`, `${platform}@${version}`];
        const flags = ['--omit=optional', '--ignore-scripts', '--no-audit', '--no-fund'];
        await runProgram('npm', ['install', ...flags, ...packages], {
          cwd: installed,
          onLine(line) {
            progress.advance({ note: line.slice(0, 100) });
          },
        });
        await rm(llamaFolder, { recursive: true, force: true });
        await rename(installed, llamaFolder);
      });
    },
  };
}
