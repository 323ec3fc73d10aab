import { mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { exists } from './files.ts';
import { cacheFolder, root, venvPython } from './folders.ts';
import { runProgram } from './program.mjs';
import { makeVirtualEnvironment } from './python.ts';
import type { Step } from './step.mjs';
import { hashOf } from './step.mjs';

const requirements = join(root, 'models', 'training', 'requirements.txt');

/**
 * The Python environment of the training code and the parity reference (PyTorch). PyPI's PyTorch for Linux brings CUDA
 * along, several gigabytes; where pip is configured to find a CPU build of the pinned version, that one is taken.
 */
export function pythonEnvironmentStep(): Step {
  const folder = join(root, '.venv');
  return {
    name: 'python',
    title: 'Making the Python environment (PyTorch)',
    neededBytes: 3e9,
    key: async () => hashOf([await readFile(requirements)]),
    isPresent: () => exists(venvPython),
    isRight: () => matchesRequirements(),
    async make(progress) {
      // An environment can't be moved once made (its scripts hold its path), so it is made in place and stamped last.
      if (await exists(folder)) {
        const old = await mkdtemp(join(cacheFolder, 'venv-'));
        await rename(folder, join(old, 'replaced'));
        await rm(old, { recursive: true, force: true });
      }
      await makeVirtualEnvironment(folder, progress);
      await runProgram(
        venvPython,
        ['-m', 'pip', 'install', '--disable-pip-version-check', '--progress-bar', 'off', '-r', requirements],
        {
          onLine(line) {
            progress.advance({ note: line.trim().slice(0, 100) });
          },
        },
      );
    },
  };
}

async function matchesRequirements(): Promise<boolean> {
  const check = ['-m', 'pip', 'install', '--dry-run', '--quiet', '--no-index', '--report', '-', '-r', requirements];
  const report = await runProgram(venvPython, check).catch(() => undefined);
  return report !== undefined && /"install":\s*\[\s*\]/.test(report);
}
