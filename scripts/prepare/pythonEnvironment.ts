import { readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { exists } from './files.ts';
import { cacheFolder, root, venvPython } from './folders.ts';
import { runProgram } from './program.mjs';
import { ensureResumingPip, makeVirtualEnvironment } from './python.ts';
import type { Step } from './step.mjs';
import { hashOf } from './step.mjs';
import { withWorkFolder } from './workFolder.mjs';

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
    // Measured with a CPU build: 1.2e9, and the archive that it comes in. How large another one is only pip knows.
    neededBytes: 1.5e9,
    key: async () => hashOf([await readFile(requirements)]),
    isPresent: () => exists(venvPython),
    isRight: () => matchesRequirements(),
    async make(progress) {
      // An environment can't be moved once made (its scripts hold its path), so it is made in place and stamped last.
      await withWorkFolder(cacheFolder, async (work) => {
        if (await exists(folder)) await rename(folder, join(work, 'replaced'));
      });
      await makeVirtualEnvironment(folder, progress);
      await ensureResumingPip(venvPython, progress);
      const flags = ['--disable-pip-version-check', '--progress-bar', 'off', '--resume-retries', '20'];
      await runProgram(venvPython, ['-m', 'pip', 'install', ...flags, '-r', requirements], {
        onLine(line) {
          progress.advance({ note: line.trim().slice(0, 100) });
        },
      });
    },
  };
}

async function matchesRequirements(): Promise<boolean> {
  const check = ['-m', 'pip', 'install', '--dry-run', '--quiet', '--no-index', '--report', '-', '-r', requirements];
  const report = await runProgram(venvPython, check).catch(() => undefined);
  return report !== undefined && /"install":\s*\[\s*\]/.test(report);
}
