import { access, cp, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { runProgram } from './program.mjs';
import { hashOf } from './step.mjs';
import { withWorkFolder } from './workFolder.mjs';

/** What decides about the contents of node_modules. */
const inputs = ['package-lock.json', '.npmrc'];

/**
 * The project's npm packages, Node 24 among them: `npm ci` in a folder of its own, renamed into place.
 *
 * @param {string} root the repository's folder
 * @param {string} cacheFolder its .cache
 * @returns {import('./step.mjs').Step}
 */
export function dependenciesStep(root, cacheFolder) {
  const modules = join(root, 'node_modules');
  return {
    name: 'dependencies',
    title: 'Installing npm packages',
    // Measured: 0.68e9, and what npm keeps of it.
    neededBytes: 1e9,
    key: async () =>
      hashOf([
        process.platform,
        process.arch,
        ...(await Promise.all(inputs.map((name) => readFile(join(root, name))))),
      ]),
    isPresent: () => exists(join(modules, '.bin', 'node')),
    isRight: () => installedAsLocked(root),
    async make(progress) {
      await withWorkFolder(cacheFolder, async (work) => {
        for (const name of ['package.json', ...inputs]) await cp(join(root, name), join(work, name));
        await runProgram('npm', ['ci', '--no-audit', '--no-fund'], {
          cwd: work,
          // onnxruntime-node's postinstall fetches CUDA files from outside the registry; the CPU files are in the package.
          env: { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'skip' },
          onLine(line) {
            if (!line.startsWith('npm warn')) progress.advance({ note: line.slice(0, 100) });
          },
        });
        await runProgram(join(work, 'node_modules', '.bin', 'node'), ['--version']);
        const old = join(work, 'replaced');
        if (await exists(modules)) await rename(modules, old);
        await rename(join(work, 'node_modules'), modules);
      });
    },
  };
}

/**
 * Whether a node_modules that someone installed by hand holds what the lock file says.
 *
 * @param {string} root
 */
async function installedAsLocked(root) {
  const locked = await packagesOf(join(root, 'package-lock.json'));
  const installed = await packagesOf(join(root, 'node_modules', '.package-lock.json'));
  if (locked === undefined || installed === undefined) return false;
  for (const [path, { version, optional }] of locked) {
    const found = installed.get(path);
    if (found === undefined ? !optional : found.version !== version) return false;
  }
  return [...installed.keys()].every((path) => locked.has(path));
}

/**
 * @param {string} path
 * @returns {Promise<Map<string, { version: unknown, optional: boolean }> | undefined>}
 */
async function packagesOf(path) {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const lock = /** @type {{ packages?: Record<string, { version?: unknown, optional?: boolean }> }} */ (
    JSON.parse(text)
  );
  return new Map(
    Object.entries(lock.packages ?? {})
      .filter(([path]) => path !== '')
      .map(([path, { version, optional }]) => [path, { version, optional: optional === true }]),
  );
}

/** @param {string} path */
function exists(path) {
  return access(path).then(
    () => true,
    () => false,
  );
}
