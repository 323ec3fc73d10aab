import { onPath } from './onPath.ts';
import { PreparationError } from './preparationError.mjs';
import { runProgram } from './program.mjs';
import type { StepProgress } from './progress.mjs';

/**
 * Installs a Debian package where this process may do that: as root, or by a sudo that asks for no password.
 *
 * @throws {PreparationError} with what to do by hand, where it may not or there is no apt-get
 */
export async function installAptPackage(name: string, purpose: string, progress: StepProgress): Promise<void> {
  const needed = `${purpose} needs the package ${name}`;
  if ((await onPath(['apt-get'])) === undefined) {
    const remedy = "Install it, or what your system calls it, with your system's package manager";
    throw new PreparationError('missingTool', `${needed}. ${remedy}, then run the same command again.`);
  }
  const isRoot = process.getuid?.() === 0;
  if (!isRoot && !(await maySudo())) {
    throw new PreparationError('missingTool', `${needed}. Install it with: sudo apt-get install ${name}`);
  }
  // sudo passes on no environment.
  const [command, ...before] = [...(isRoot ? [] : ['sudo', '-n']), 'env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get'];
  const aptGet = (...args: readonly string[]) =>
    runProgram(command, [...before, ...args], {
      onLine(line) {
        progress.advance({ note: line.slice(0, 100) });
      },
    });
  await aptGet('update', '-q');
  await aptGet('install', '-y', '-q', '--no-install-recommends', name);
}

function maySudo(): Promise<boolean> {
  return runProgram('sudo', ['-n', 'true']).then(
    () => true,
    () => false,
  );
}
