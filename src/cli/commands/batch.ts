import { randomUUID } from 'node:crypto';
import { addAbortSignal } from 'node:stream';
import type { Command } from 'commander';
import { AnchorageError, messageOf } from '../../protocol/errors.ts';
import { batchRequest } from '../../protocol/worker.ts';
import { linesOf, openBatchFiles } from '../batchFiles.ts';
import type { BatchFiles } from '../batchFiles.ts';
import { batchLine } from '../batchLine.ts';
import type { BatchLine } from '../batchLine.ts';
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
    question    answered in chat markup; in its place a raw text, without markup:
    continuation  goes on from the chunks, and is scored; nothing predicts its first token without a prompt
    prompt      raw text read whole after the chunks, before a continuation or choices
    choices     ["text", ...] after a question or a prompt: each is scored as what goes on; no answer is written
    pinned      system: the system prompt stands before the chunks (default); none: nothing does
    mode        anchors: chunks reduced (default); full: kept whole; none: left out;
                kept: read whole, then as many rows kept as anchors would be, chosen by keep
    keep        recent: the last; separators: those of . , ; : ! ? and white space, the last first;
                attention: those looked at most while the text is repeated; random: drawn by seed (0 by default)
    ratio, choice, independent    how chunks are sealed; by default as the options and the package say
    reuse       true: chunks that the row before read in the same way stay in the cache, and are not read again
    storedAs    fp16 or int8: chunks are put in place again from what the store would keep of them
    maxTokens   longest answer, 128 by default; 0: none
    speculate   false: no token is read ahead of those drawn; the answer is the same, and takes longer where it repeats a text
    score       text whose log-probability as the answer is wanted
A row of the output:
  {"id", "answer", "textTokens", "kvRows", "kvRowsFull", "kvBytes", "prefillMs", "decodeMs"}
  with score or continuation also {"scoreLogProb", "scoreTokens"}, and with choices
  {"choiceScores": [{"logProb", "tokens", "characters"}, ...]}; kvRows is counted when the answer begins.
A row that cannot be run gives {"id", "error"}, the others go on, and the exit code is 1.
IN or OUT may be -, for stdin and stdout. Rows are written as they are done. With --json and OUT a file, stdout gets
{"rows", "failed", "seconds", "cancelled"} at the end.`;

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
  const files = openBatchFiles(input, output);
  try {
    return await withTerminal(options, null, (terminal) =>
      terminal.interruptible(async (signal) => {
        await terminal.loadModel();
        files.begin();
        const begin = performance.now();
        const counts = await runRows(terminal, files, signal);
        const seconds = Math.round((performance.now() - begin) / 100) / 10;
        terminal.progress.note(`${counts.rows} rows in ${seconds.toFixed(1)} s, ${counts.failed} failed`);
        if (options.json && output !== '-')
          await write(process.stdout, `${JSON.stringify({ ...counts, seconds, cancelled: signal.aborted })}\n`);
        if (signal.aborted) return exitCodes.cancelled;
        return counts.failed > 0 ? exitCodes.failed : exitCodes.ok;
      }),
    );
  } finally {
    files.close();
  }
}

/** Runs the rows until the input ends or `signal` says so; gives how many were done, and how many of these failed. */
async function runRows(
  { progress, worker }: Terminal,
  { input, write: writeRow }: BatchFiles,
  signal: AbortSignal,
): Promise<{ rows: number; failed: number }> {
  let number = 0;
  let rows = 0;
  let failed = 0;
  const run = async (line: BatchLine): Promise<unknown> => {
    try {
      if ('error' in line) throw line.error;
      return await worker.request(batchRequest, { requestId: randomUUID(), row: line.row }, { signal });
    } catch (error) {
      if (signal.aborted || AnchorageError.is(error, 'workerDied')) throw error;
      failed++;
      progress.note('error' in line ? messageOf(error) : `line ${number}: ${messageOf(error)}`);
      return { id: line.id, error: messageOf(error) };
    }
  };
  try {
    for await (const bytes of linesOf(addAbortSignal(signal, input))) {
      number++;
      const line = batchLine(bytes, number);
      if (line === null) continue;
      await writeRow(await run(line));
      rows++;
      progress.show('Rows done', rows, 0, '');
    }
  } catch (error) {
    // Whatever waits, for a row's answer or for more input, ends with the signal.
    if (!signal.aborted) throw error;
  }
  return { rows, failed };
}
