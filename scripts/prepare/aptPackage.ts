import { PreparationError } from './preparationError.mjs';
import { runProgram } from './program.mjs';
import type { StepProgress } from './progress.mjs';

/**
 * Installs a Debian package where this process may do that.
 *
 * @throws {PreparationError} with the command to run by hand, where it may not or there is no apt-get
 */
export async function installAptPackage(name: string, purpose: string, progress: StepProgress): Promise<void> {
  const onLine = (line: string) => {
    progress.advance({ note: line.slice(0, 100) });
  };
  if (process.getuid?.() !== 0)
    throw new PreparationError(
      'missingTool',
      `${purpose} needs the package ${name}. Install it with: sudo apt-get install ${name}`,
    );
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  await runProgram('apt-get', ['update', '-q'], { env, onLine });
  await runProgram('apt-get', ['install', '-y', '-q', '--no-install-recommends', name], { env, onLine });
}
