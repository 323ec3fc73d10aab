import { AnchorageError, messageOf } from '../protocol/errors.ts';
import { loadModelRequest } from '../protocol/worker.ts';
import type { ModelInfo } from '../protocol/worker.ts';
import { WorkerClient } from '../worker/client/workerClient.ts';
import type { WorkerListener } from '../worker/client/workerClient.ts';
import type { GlobalOptions } from './globalOptions.ts';
import { workerPath } from './packagePaths.ts';
import { ProgressLine } from './progressLine.ts';

const stages = {
  load: 'Loading the model',
  restore: 'Restoring the session',
  read: 'Reading',
  answer: 'Answering',
} as const;

/** The other end of a command's requests. */
export type Requester = Pick<WorkerClient, 'request'>;

/** What a command works with: a worker, the terminal, and Ctrl-C. */
export interface Terminal {
  readonly worker: Requester;
  readonly progress: ProgressLine;
  readonly options: GlobalOptions;
  /** Somebody is there who can be asked. */
  readonly isInteractive: boolean;
  /** Receives the answer's text as it comes. */
  onToken: (text: string) => void;
  loadModel(): Promise<ModelInfo>;
  /** A signal that Ctrl-C and SIGTERM abort until `work` is over. */
  interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T>;
}

/** Runs a command with a worker, which ends with it whatever happens. */
export async function withTerminal<T>(
  options: GlobalOptions,
  storageFolder: string | null,
  command: (terminal: Terminal) => Promise<T>,
): Promise<T> {
  const progress = new ProgressLine(process.stderr, options.quiet);
  const listener: WorkerListener = {
    onToken: ({ text }) => terminal.onToken(text),
    onProgress: ({ stage, done, total, unit }) => {
      // The worker counts loading as one step. What it seals is a batch's, whose rows are counted by the command.
      if (stage === 'seal') return;
      if (stage !== 'load') progress.show(stages[stage], done, total, unit);
      else if (done < total) progress.show(stages.load, 0, 0, unit);
    },
    onLog: ({ level, message }) => {
      if (options.verbose || level === 'error' || level === 'warning') progress.note(`${level}: ${message}`);
    },
    onStderr: (text) => {
      if (options.verbose) progress.note(text.trimEnd());
    },
  };
  const worker = await WorkerClient.start({ workerPath, client: 'cli', storageFolder, listener });
  if (worker.info.storageWarning !== null) progress.note(`warning: ${worker.info.storageWarning}`);
  const terminal: Terminal = {
    worker,
    progress,
    options,
    isInteractive: process.stdin.isTTY,
    onToken: () => {},
    loadModel: async () => {
      const { package: packageFolder, variant, ratio, choice, threads, executionProvider } = options;
      const { budgetMb: budgetMB, rereadTokens, heldRows } = options;
      const info = await worker.request(loadModelRequest, {
        packageFolder,
        variant,
        executionProvider,
        ratio,
        choice,
        threads,
        budgetMB,
        rereadTokens,
        heldRows,
      });
      progress.clear();
      return info;
    },
    interruptible,
  };
  try {
    return await command(terminal);
  } finally {
    progress.clear();
    await worker.shutdown();
  }
}

/** Runs `work` with a signal that Ctrl-C and SIGTERM abort. */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const abort = new AbortController();
  const stop = (): void => abort.abort();
  process.on('SIGINT', stop).on('SIGTERM', stop);
  try {
    return await work(abort.signal);
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop);
  }
}

/** Writes text, and waits until it has left this process: a pipe may be slower than the answer. */
export function write(stream: NodeJS.WritableStream, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(text, (error) => (error === undefined || error === null ? resolve() : reject(error)));
  });
}

/** Writes a command's result on stdout: as JSON in one line where that was asked for, else as lines. */
export function writeResult(
  { json }: Pick<GlobalOptions, 'json'>,
  result: object,
  lines: () => readonly string[],
): Promise<void> {
  const text = json ? [JSON.stringify(result)] : lines();
  return write(process.stdout, text.map((line) => `${line}\n`).join(''));
}

/** What went wrong and what to do about it, for stderr. */
export function described(error: unknown, isVerbose: boolean): string {
  const remedy = AnchorageError.is(error) && error.remedy !== '' ? `\n${error.remedy}` : '';
  const stack = isVerbose && error instanceof Error && error.stack !== undefined ? `\n${error.stack}` : '';
  return `error: ${messageOf(error)}${remedy}${stack}`;
}
