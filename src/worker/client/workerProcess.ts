import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';

export type WorkerChild = ChildProcessByStdio<Writable, Readable, Readable>;

/** What is needed to start a worker. */
export interface WorkerProcessOptions {
  /** The worker's script: `src/worker/main.ts` or the bundle made from it. */
  readonly workerPath: string;
  /** A Node binary; by default the one that runs this program (Electron's, in VS Code, made to run as Node). */
  readonly nodePath?: string | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
}

/**
 * V8's young generation, in MB: by its default it grows to three times 32 MB, all of it for what is garbage after a turn.
 * `npm run --silent soak` tells the memory and the times.
 */
const youngGeneration = '--max-semi-space-size=8';

/** Starts the worker with pipes for stdin, stdout and stderr. Failure to start comes as the child's 'error' event. */
export function spawnWorker({ workerPath, nodePath, env }: WorkerProcessOptions): WorkerChild {
  return spawn(nodePath ?? process.execPath, [youngGeneration, workerPath], {
    stdio: ['pipe', 'pipe', 'pipe'],
    windowsHide: true,
    env: { ...inheritedEnv(), ...env, ELECTRON_RUN_AS_NODE: '1', NODE_NO_WARNINGS: '1', ORT_DISABLE_TELEMETRY: '1' },
  });
}

/** The environment less what VS Code sets for its own processes and what would make Node load other code first. */
function inheritedEnv(): NodeJS.ProcessEnv {
  const dropped = /^(VSCODE_|ELECTRON_|NODE_OPTIONS$)/;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !dropped.test(name)));
}
