import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { root } from '../prepare/folders.ts';

/** How a child process ended, and what it said to us besides its output. */
export interface Ending {
  readonly code: number | null;
  /** Lines of both streams, in the order of their arrival. */
  readonly lines: readonly string[];
  /** Messages over the IPC channel. */
  readonly messages: readonly unknown[];
  readonly timedOut: boolean;
}

const running = new Set<ChildProcess>();

/** Ends the children that still run, with everything that they started. */
export function endChildren(): void {
  for (const child of running) endGroup(child, 'SIGTERM');
}

/**
 * Runs a program in the repository's folder and passes its output on. It is the leader of a process group, which is
 * ended when it ends or its time is up, so that no server or browser of a test stays behind.
 */
export function runChild(
  command: string,
  args: readonly string[],
  { minutes, environment = {} }: { minutes: number; environment?: Readonly<Record<string, string>> },
): Promise<Ending> {
  const env = {
    ...process.env,
    PATH: `${join(root, 'node_modules', '.bin')}:${process.env['PATH'] ?? ''}`,
    ORT_DISABLE_TELEMETRY: '1',
    ...environment,
  };
  const child = spawn(command, args, { cwd: root, env, detached: true, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
  running.add(child);
  const lines: string[] = [];
  const messages: unknown[] = [];
  child.on('message', (message) => messages.push(message));
  const take = (line: string) => {
    lines.push(line);
    process.stdout.write(`${line}\n`);
  };
  for (const stream of [child.stdout, child.stderr]) if (stream) createInterface({ input: stream }).on('line', take);

  return new Promise((resolve) => {
    let timedOut = false;
    const limit = setTimeout(() => {
      timedOut = true;
      endGroup(child, 'SIGKILL');
    }, minutes * 60_000);
    const end = (code: number | null) => {
      clearTimeout(limit);
      running.delete(child);
      endGroup(child, 'SIGTERM');
      if (timedOut) take(`${command}: stopped after ${String(minutes)} minutes`);
      resolve({ code, lines, messages, timedOut });
    };
    child.once('error', (error) => {
      take(`${command} can't be started: ${error.message}`);
      end(null);
    });
    // Not 'close': a grandchild that keeps the pipes open must not keep the check waiting.
    child.once('exit', (code) => setTimeout(end, 100, code));
  });
}

function endGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // The whole group has ended.
  }
}
