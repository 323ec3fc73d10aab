import { cp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { messageOf } from '../../../src/protocol/errors.ts';
import { exists, hashOfFiles } from '../../../scripts/prepare/files.ts';
import { cacheFolder, root } from '../../../scripts/prepare/folders.ts';
import { runProgram } from '../../../scripts/prepare/program.mjs';
import { hashOf, prepareStep } from '../../../scripts/prepare/step.mjs';
import { withWorkFolder } from '../../../scripts/prepare/workFolder.mjs';
import { llamaBuild, lockSchema, neededPackages, type Lock } from './neededPackages.ts';

/** Below the repository, so that transformers.js finds the project's own onnxruntime. */
const folder = join(cacheFolder, 'bench', 'packages');

/** Entry points of the peers, null where one is not installed, with the reasons. */
export interface PeerPackages {
  readonly llama: string | null;
  readonly transformers: string | null;
  readonly problems: readonly string[];
}

/**
 * Installs the peers as the `package-lock.json` in this folder says, where that was not done yet. They are no part of
 * the project's own dependencies: without them the comparison goes on with what there is.
 */
export async function preparePeers(): Promise<PeerPackages> {
  try {
    await prepareStep(
      {
        name: 'peers',
        title: 'Installing node-llama-cpp and transformers.js',
        // Measured: 0.12e9, and what npm keeps of it.
        neededBytes: 4e8,
        key: async () =>
          hashOf([llamaBuild, await hashOfFiles(import.meta.dirname, ['package*.json', '*Packages.ts'])]),
        isPresent: () => exists(join(folder, 'node_modules', 'node-llama-cpp')),
        make: async (progress) => install((note) => progress.advance({ note })),
      },
      { stateFolder: cacheFolder },
    );
  } catch (error) {
    return { llama: null, transformers: null, problems: [`The peers are left out: ${messageOf(error)}`] };
  }
  const { resolve } = createRequire(join(folder, 'package.json'));
  const hasBuild = await exists(join(folder, 'node_modules', ...llamaBuild.split('/')));
  return {
    llama: hasBuild ? resolve('node-llama-cpp').replace(/\.cjs$/, '.js') : null,
    transformers: resolve('@huggingface/transformers').replace(/\.cjs$/, '.mjs'),
    problems: hasBuild ? [] : [`node-llama-cpp is left out: it has no build for this machine (${llamaBuild}).`],
  };
}

async function install(tell: (note: string) => void): Promise<void> {
  await withWorkFolder(cacheFolder, async (work: string) => {
    const installed = join(work, 'installed');
    await cp(join(import.meta.dirname, 'package.json'), join(installed, 'package.json'));
    await cp(join(root, '.npmrc'), join(installed, '.npmrc'));
    const lock = neededPackages(await readLock(import.meta.dirname), await readLock(root));
    await writeFile(join(installed, 'package-lock.json'), JSON.stringify(lock, null, 2));
    // Their install scripts would fetch or build what is not in the packages.
    await runProgram('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund'], {
      cwd: installed,
      onLine: (line) => tell(line.slice(0, 100)),
    });
    await rm(folder, { recursive: true, force: true });
    await rename(installed, folder);
  });
}

async function readLock(of: string): Promise<Lock> {
  return lockSchema.parse(JSON.parse(await readFile(join(of, 'package-lock.json'), 'utf8')));
}
