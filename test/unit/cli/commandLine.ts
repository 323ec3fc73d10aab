import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { run } from '../../../src/cli/run.ts';

const main = fileURLToPath(new URL('../../../src/cli/main.ts', import.meta.url));

export interface Output {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface RunOptions {
  readonly input?: string;
  /** False: stdin stays open, as a terminal's does. */
  readonly inputEnds?: boolean;
  readonly cwd?: string;
  readonly onStdout?: (pid: number) => void;
}

/** Runs the command line as a process, as a user does. */
export function commandLine(
  args: readonly string[],
  { input = '', inputEnds = true, cwd, onStdout = () => {} }: RunOptions = {},
): Promise<Output> {
  const child = spawn(process.execPath, [main, ...args], { cwd, stdio: ['pipe', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    onStdout(child.pid ?? 0);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  child.stdin.write(input);
  if (inputEnds) child.stdin.end();
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, stdout, stderr })));
}

/** Runs the command line in this process, which is faster; for commands that fail before they answer. */
export function inProcess(args: readonly string[]): Promise<Output> {
  return outputOf(() => run(args));
}

/** What `work` writes on this process's streams. */
export async function outputOf(work: () => Promise<number>): Promise<Output> {
  const stdout = captured(process.stdout);
  const stderr = captured(process.stderr);
  try {
    const code = await work();
    return { code, stdout: stdout.text(), stderr: stderr.text() };
  } finally {
    stdout.release();
    stderr.release();
  }
}

function captured(stream: NodeJS.WriteStream): { readonly text: () => string; readonly release: () => void } {
  const before = stream.write.bind(stream);
  let written = '';
  stream.write = (text: string | Uint8Array, encoding?: unknown, done?: (error?: Error | null) => void) => {
    written += String(text);
    if (isCallback(encoding)) encoding();
    done?.();
    return true;
  };
  return { text: () => written, release: () => (stream.write = before) };
}

function isCallback(value: unknown): value is () => void {
  return typeof value === 'function';
}
