import { randomUUID } from 'node:crypto';
import { closeSync, createReadStream, openSync, writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Command } from 'commander';
import { AnchorageError, messageOf } from '../../protocol/errors.ts';
import { batchRequest } from '../../protocol/worker.ts';
import { batchLine } from '../batchLine.ts';
import { runs } from '../commandResult.ts';
import type { OnExitCode } from '../commandResult.ts';
import { exitCodes } from '../exitCodes.ts';
import type { ExitCode } from '../exitCodes.ts';
import { addModelOptions, addOutputOptions } from '../globalOptions.ts';
import type { GlobalOptions } from '../globalOptions.ts';
import { withTerminal, write } from '../terminal.ts';
import type { Terminal } from '../terminal.ts';

const help = `
A row of the input, one JSON object a line:
  {"id": 1, "chunks": ["text", ...], "question": "...", "mode": "anchors"}
    chunks      texts, or {"user", "assistant"} exchanges; sealed one by one before the question is read
    question    or "continuation": raw text that goes on from the chunks, to be scored
    mode        anchors: chunks reduced (default); full: kept whole; none: left out
    ratio, choice, independent    how chunks are sealed; by default as the options and the package say
    maxTokens   longest answer, 128 by default; 0: none
    score       text whose log-probability as the answer is wanted
A row of the output:
  {"id", "answer", "textTokens", "kvRows", "kvRowsFull", "kvBytes", "prefillMs", "decodeMs"}
  and with score or continuation {"scoreLogProb", "scoreTokens"}; kvRows is counted when the answer begins.
A row that cannot be run gives {"id", "error"}, the others go on, and the exit code is 1.
IN or OUT may be -, for stdin and stdout. Rows are written as they are done.`;

type WriteLine = (row: unknown) => Promise<void>;

/** `batch`: many questions, each with its own context. */
export function addBatchCommand(program: Command, onExitCode: OnExitCode): void {
  const command = program
    .command('batch')
    .description('Answer or score the rows of a JSON Lines file.')
    .argument('<in>', 'input, or - for stdin')
    .argument('<out>', 'output, or - for stdout')
    .addHelpText('after', help);
  addOutputOptions(addModelOptions(command));
  runs(command, onExitCode, ([input = '-', output = '-'], options) => runBatch(input, output, options));
}

async function runBatch(input: string, output: string, options: GlobalOptions): Promise<ExitCode> {
  const lines = await openInput(input);
  const sink = openOutput(output);
  try {
    return await withTerminal(options, null, (terminal) =>
      terminal.interruptible(async (signal) => {
        await terminal.loadModel();
        return runRows(terminal, lines, sink.write, signal);
      }),
    );
  } finally {
    sink.close();
    lines.destroy();
  }
}

async function runRows(
  { progress, worker }: Terminal,
  lines: NodeJS.ReadableStream,
  writeLine: WriteLine,
  signal: AbortSignal,
): Promise<ExitCode> {
  const begin = performance.now();
  let number = 0;
  let rows = 0;
  let failed = 0;
  for await (const line of createInterface({ input: lines, crlfDelay: Infinity })) {
    number++;
    if (line.trim() === '') continue;
    rows++;
    const parsed = batchLine(line, number);
    try {
      if ('error' in parsed) throw parsed.error;
      await writeLine(await worker.request(batchRequest, { requestId: randomUUID(), row: parsed.row }, { signal }));
    } catch (error) {
      if (signal.aborted) return exitCodes.cancelled;
      if (AnchorageError.is(error, 'workerDied')) throw error;
      failed++;
      await writeLine({ id: parsed.id, error: messageOf(error) });
      progress.note('error' in parsed ? messageOf(error) : `line ${number}: ${messageOf(error)}`);
    }
    progress.show('Rows done', rows, 0, '');
  }
  progress.note(`${rows} rows in ${((performance.now() - begin) / 1000).toFixed(1)} s, ${failed} failed`);
  return failed > 0 ? exitCodes.failed : exitCodes.ok;
}

/** Opens the input before the model is loaded, so that a wrong path is told at once. */
function openInput(path: string): Promise<NodeJS.ReadableStream & { destroy(): void }> {
  if (path === '-') return Promise.resolve(process.stdin);
  return new Promise((resolve, reject) => {
    const stream = createReadStream(path, 'utf8');
    stream.once('open', () => resolve(stream));
    stream.once('error', (error) =>
      reject(
        new AnchorageError('fileUnreadable', `${path} cannot be read: ${messageOf(error)}.`, 'Check the path.', {
          cause: error,
        }),
      ),
    );
  });
}

/** A row is written by one call and complete when the promise resolves. */
function openOutput(path: string): { readonly write: WriteLine; readonly close: () => void } {
  if (path === '-') return { write: (row) => write(process.stdout, `${JSON.stringify(row)}\n`), close: () => {} };
  try {
    const file = openSync(path, 'w');
    const writeRow: WriteLine = async (row) => {
      writeSync(file, `${JSON.stringify(row)}\n`);
    };
    return { write: writeRow, close: () => closeSync(file) };
  } catch (error) {
    throw new AnchorageError(
      'fileUnreadable',
      `${path} cannot be written: ${messageOf(error)}.`,
      'Choose another output file.',
      { cause: error },
    );
  }
}
