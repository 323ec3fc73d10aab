import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import { z } from 'zod';
import { samplingSchema } from '../../protocol/sampling.ts';
import { askRequest, createSessionRequest } from '../../protocol/worker.ts';
import type { Attachment, Task } from '../../protocol/worker.ts';
import { runs } from '../commandResult.ts';
import type { OnExitCode } from '../commandResult.ts';
import { exitCodes } from '../exitCodes.ts';
import type { ExitCode } from '../exitCodes.ts';
import { parseFileArgument, readAttachment } from '../fileArgument.ts';
import { footer } from '../footer.ts';
import { addModelOptions, addOutputOptions, addSamplingOptions } from '../globalOptions.ts';
import type { GlobalOptions } from '../globalOptions.ts';
import { withTerminal, write } from '../terminal.ts';

const fileOptionSchema = z.object({ file: z.array(z.string()).default([]) });

/** `ask`: one question, optionally about files. */
export function addAskCommand(program: Command, onExitCode: OnExitCode): void {
  const command = program
    .command('ask')
    .description('Ask one question. Attached files are read as anchors first, the question after them.')
    .argument('<question...>', 'the question; quotes are not needed')
    .option('-f, --file <file>', 'attach a file, or lines of it (FILE:L7-L20); may be given again', collected, [])
    .addHelpText('after', '\nExamples:\n  ask What is a closure\n  ask -f src/app.ts "Where are the settings read?"');
  addOutputOptions(addSamplingOptions(addModelOptions(command)));
  runs(command, onExitCode, async (words, options, raw) => {
    const attachments = fileOptionSchema.parse(raw).file.map((file) => readAttachment(parseFileArgument(file)));
    return answerOnce(options, raw, 'chat', words.join(' '), attachments);
  });
}

/** `explain` and `summarize`: a task on one file or lines of it. */
export function addFileCommand(
  program: Command,
  onExitCode: OnExitCode,
  task: 'explain' | 'summarize',
  description: string,
): void {
  const command = program
    .command(task)
    .description(description)
    .argument('<file>', 'a text file, or lines of it: FILE:L7-L20')
    .option('--question <text>', 'ask this about it instead')
    .addHelpText('after', `\nExamples:\n  ${task} src/app.ts\n  ${task} src/app.ts:L7-L20 --json`);
  addOutputOptions(addSamplingOptions(addModelOptions(command)));
  runs(command, onExitCode, async ([file = ''], options, raw) => {
    const { question } = z.object({ question: z.string().default('') }).parse(raw);
    return answerOnce(options, raw, task, question, [readAttachment(parseFileArgument(file))]);
  });
}

async function answerOnce(
  options: GlobalOptions,
  raw: unknown,
  task: Task,
  question: string,
  attachments: readonly Attachment[],
): Promise<ExitCode> {
  const sampling = samplingSchema.parse(raw);
  return withTerminal(options, null, async (terminal) => {
    const { progress, worker } = terminal;
    return terminal.interruptible(async (signal) => {
      await terminal.loadModel();
      const { id: sessionId } = await worker.request(createSessionRequest, { ephemeral: true });
      let pending = Promise.resolve();
      terminal.onToken = (text) => {
        progress.clear();
        if (!options.json) pending = pending.then(() => write(process.stdout, text));
      };
      const request = { requestId: randomUUID(), sessionId, task, question, attachments: [...attachments], sampling };
      const answer = await worker.request(askRequest, request, { signal });
      await pending;
      progress.clear();
      if (options.json) await write(process.stdout, `${JSON.stringify(answer)}\n`);
      else {
        await write(process.stdout, '\n');
        if (!options.quiet) progress.note(footer(answer.exchange));
      }
      return answer.exchange.stopReason === 'cancelled' ? exitCodes.cancelled : exitCodes.ok;
    });
  });
}

function collected(value: string, before: readonly string[]): string[] {
  return [...before, value];
}
