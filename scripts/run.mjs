#!/usr/bin/env node
// Runs one of the project's targets in a clone where nothing is installed yet: plain JavaScript without dependencies,
// for the system's Node. Prepares what the target needs, then hands over to the pinned Node 24.
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { dependenciesStep } from './prepare/dependencies.mjs';
import { endWithError, PreparationError } from './prepare/preparationError.mjs';
import { endRunningPrograms } from './prepare/program.mjs';
import { prepareStep } from './prepare/step.mjs';
import { targets } from './targets.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const oldestNode = 20;

const [name = '', ...args] = process.argv.slice(2);
const target = targets[name];
if (target === undefined) {
  const width = Math.max(...Object.keys(targets).map((each) => each.length));
  const lines = Object.entries(targets).map(([each, { summary }]) => `  ${each.padEnd(width)}  ${summary}`);
  const listing = `usage: node scripts/run.mjs TARGET [arguments]\n\n${lines.join('\n')}\n`;
  const asked = name === '--help' || name === 'help';
  (asked ? process.stdout : process.stderr).write(
    asked || name === '' ? listing : `There is no target "${name}".\n${listing}`,
  );
  process.exit(asked ? 0 : 2);
}

try {
  process.exitCode = await run(target);
} catch (error) {
  endWithError(error);
}

/** @param {import('./targets.mjs').Target} wanted */
async function run(wanted) {
  const major = Number.parseInt(process.versions.node, 10);
  if (major < oldestNode) {
    throw new PreparationError(
      'missingTool',
      `Node ${oldestNode} or newer is needed and this is ${process.version}. Install a newer one (nodejs.org, or your system's packages), then run the same command again.`,
    );
  }
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
    process.once(signal, () => {
      endRunningPrograms();
      process.exit(1);
    });
  }
  const cacheFolder = join(root, '.cache');
  await prepareStep(dependenciesStep(root, cacheFolder), { stateFolder: cacheFolder });
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) process.removeAllListeners(signal);

  const helpOnly = args.includes('--help') || args.includes('-h');
  if (wanted.steps.length > 0 && !helpOnly) {
    const code = await handOver(join(root, 'scripts', 'prepare.ts'), wanted.steps);
    if (code !== 0) return code;
  }
  // npm runs a script in the package's folder, and says where it was called.
  const folder = wanted.inUsersFolder ? (process.env.INIT_CWD ?? process.cwd()) : process.cwd();
  return handOver(join(root, wanted.script), args, folder);
}

/**
 * Runs a script on Node 24 with this process's streams; ends when it ends, and passes on what it is told to stop with.
 *
 * @param {string} script
 * @param {readonly string[]} scriptArgs
 * @param {string} [cwd]
 * @returns {Promise<number>} its exit code
 */
function handOver(script, scriptArgs, cwd) {
  return new Promise((resolve, reject) => {
    const node = join(root, 'node_modules', 'node', 'bin', 'node');
    const env = { ...process.env, PATH: `${dirname(node)}:${process.env.PATH ?? ''}`, ORT_DISABLE_TELEMETRY: '1' };
    const child = spawn(node, [script, ...scriptArgs], { stdio: 'inherit', env, cwd });
    // The terminal sends Ctrl-C to the child as well; only the others need passing on.
    const ignore = () => undefined;
    const pass = (/** @type {NodeJS.Signals} */ signal) => void child.kill(signal);
    process.on('SIGINT', ignore).on('SIGTERM', pass).on('SIGHUP', pass);
    child.once('error', reject);
    child.once('close', (code) => {
      process.off('SIGINT', ignore).off('SIGTERM', pass).off('SIGHUP', pass);
      resolve(code ?? 1);
    });
  });
}
