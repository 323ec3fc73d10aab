import { join } from 'node:path';
import { installAptPackage } from './aptPackage.ts';
import { cacheFolder } from './folders.ts';
import { PreparationError } from './preparationError.mjs';
import { runProgram } from './program.mjs';
import type { StepProgress } from './progress.mjs';
import { withWorkFolder } from './workFolder.mjs';

const oldestPython = [3, 11] as const;

/**
 * The system's Python.
 *
 * @returns its command
 * @throws {PreparationError} if there is none, or one that is too old
 */
export async function systemPython(): Promise<string> {
  const wanted = oldestPython.join('.');
  const remedy = `Install Python ${wanted} or newer (Debian: apt-get install python3), then run the same command again.`;
  const version = await runProgram('python3', ['-c', 'import sys; print(*sys.version_info[:2])']).catch(
    (error: unknown) => {
      throw new PreparationError(
        'missingTool',
        `python3 doesn't run (${error instanceof Error ? error.message : String(error)}). ${remedy}`,
      );
    },
  );
  const [major = 0, minor = 0] = version.trim().split(' ').map(Number);
  if (major === oldestPython[0] && minor >= oldestPython[1]) return 'python3';
  throw new PreparationError(
    'missingTool',
    `Python ${wanted} or newer is needed and python3 is ${major}.${minor}. ${remedy}`,
  );
}

/**
 * Makes a virtual environment in `folder`, which must not exist. Debian ships Python without the module that gives the
 * environment its pip, so that one is installed first where it is missing.
 */
export async function makeVirtualEnvironment(folder: string, progress: StepProgress): Promise<void> {
  const python = await systemPython();
  const probe = await runProgram(python, ['-c', 'import ensurepip, venv']).catch(() => undefined);
  if (probe === undefined) await installAptPackage('python3-venv', 'A Python environment', progress);
  await runProgram(python, ['-m', 'venv', folder]);
}

/** The first pip that goes on with a download whose connection broke, and tells its progress to a program. */
const resumingPip = [25, 1] as const;

/** Whether a Python has a pip that goes on with broken downloads. */
async function hasResumingPip(python: string): Promise<boolean> {
  const version = await runProgram(python, ['-m', 'pip', '--version']).catch(() => 'pip 0.0');
  const [major = 0, minor = 0] = /^pip (\d+)\.(\d+)/m.exec(version)?.slice(1).map(Number) ?? [];
  return major > resumingPip[0] || (major === resumingPip[0] && minor >= resumingPip[1]);
}

/** Gives a virtual environment a pip that goes on with broken downloads, if its own does not. */
export async function ensureResumingPip(python: string, progress: StepProgress): Promise<void> {
  if (await hasResumingPip(python)) return;
  progress.advance({ note: 'fetching a pip that resumes downloads' });
  const flags = ['--quiet', '--disable-pip-version-check'];
  await runProgram(python, ['-m', 'pip', 'install', ...flags, `pip>=${resumingPip.join('.')}`]);
}

/**
 * Runs `work` with the command of a Python whose pip resumes broken downloads: the system's, or one in a temporary environment.
 */
export async function withResumingPip<T>(progress: StepProgress, work: (python: string) => Promise<T>): Promise<T> {
  const python = await systemPython();
  if (await hasResumingPip(python)) return work(python);
  return withWorkFolder(cacheFolder, async (folder) => {
    await makeVirtualEnvironment(join(folder, 'venv'), progress);
    const ownPython = join(folder, 'venv', 'bin', 'python');
    await ensureResumingPip(ownPython, progress);
    return work(ownPython);
  });
}
