import { randomUUID } from 'node:crypto';
import { createInterface } from 'node:readline/promises';
import type { Interface } from 'node:readline/promises';
import type { Command } from 'commander';
import { z } from 'zod';
import { AnchorageError } from '../../protocol/errors.ts';
import { samplingSchema } from '../../protocol/sampling.ts';
import type { Sampling } from '../../protocol/sampling.ts';
import { askRequest, createSessionRequest, listSessionsRequest, openSessionRequest } from '../../protocol/worker.ts';
import type { Attachment, SessionView } from '../../protocol/worker.ts';
import { runs } from '../commandResult.ts';
import type { OnExitCode } from '../commandResult.ts';
import { exitCodes } from '../exitCodes.ts';
import type { ExitCode } from '../exitCodes.ts';
import { parseFileArgument, readAttachment } from '../fileArgument.ts';
import { addModelOptions, addOutputOptions, addSamplingOptions } from '../globalOptions.ts';
import { defaultStorageFolder } from '../packagePaths.ts';
import { described, withTerminal, write } from '../terminal.ts';
import type { Terminal } from '../terminal.ts';
import { usageLine } from '../usageLine.ts';

const optionsSchema = z.object({
  storage: z.string(),
  list: z.boolean().default(false),
  continue: z.boolean().default(false),
  session: z.string().optional(),
});

const help = `
In the chat:
  /file FILE[:L7-L20]   attach a file, or lines of it, to the next question
  /new                  begin a new session
  /quit, or Ctrl-D      end; the session is kept
  Ctrl-C                stop the answer; what was written of it is kept`;

/** `chat`: a conversation, kept and restored. */
export function addChatCommand(program: Command, onExitCode: OnExitCode): void {
  const command = program
    .command('chat')
    .description('Talk with the model. The session is kept, and continued without reading it again.')
    .option('--list', 'list the sessions that are kept')
    .option('-c, --continue', 'go on with the latest session')
    .option('--session <id>', 'go on with this session')
    .option('--storage <folder>', 'folder for sessions', defaultStorageFolder())
    .addHelpText('after', help);
  addOutputOptions(addSamplingOptions(addModelOptions(command)));
  runs(command, onExitCode, (_, options, raw) => {
    const { storage, list, continue: isLatest, session } = optionsSchema.parse(raw);
    return withTerminal(options, storage, async (terminal) => {
      if (list) return listSessions(terminal);
      await terminal.loadModel();
      const view = await openSession(terminal, session, isLatest);
      return converse(terminal, view, samplingSchema.parse(raw));
    });
  });
}

async function listSessions({ worker, options }: Terminal): Promise<ExitCode> {
  const sessions = await worker.request(listSessionsRequest, {});
  const lines = options.json
    ? [JSON.stringify({ sessions })]
    : sessions.map(({ id, title, exchanges, updatedAt }) => {
        return `${id}  ${new Date(updatedAt).toISOString().slice(0, 16)}  ${exchanges} exchanges  ${title}`;
      });
  await write(process.stdout, lines.map((line) => `${line}\n`).join(''));
  return exitCodes.ok;
}

async function openSession({ worker }: Terminal, id: string | undefined, isLatest: boolean): Promise<SessionView> {
  if (id !== undefined) return worker.request(openSessionRequest, { sessionId: id });
  const [latest] = isLatest ? await worker.request(listSessionsRequest, {}) : [];
  if (latest !== undefined) return worker.request(openSessionRequest, { sessionId: latest.id });
  return worker.request(createSessionRequest, { ephemeral: false });
}

/** Reads questions until the input ends. */
async function converse(terminal: Terminal, first: SessionView, sampling: Sampling): Promise<ExitCode> {
  const { progress, worker } = terminal;
  let session = first;
  if (session.exchanges.length > 0) progress.note(`${session.title} (${session.exchanges.length} exchanges)`);
  const attachments: Attachment[] = [];
  const input = createInterface({ input: process.stdin, output: process.stderr, prompt: '> ' });
  const lines = linesOf(input);
  for (let line = await lines.next(); line.done !== true; line = await lines.next()) {
    const text = line.value.trim();
    try {
      if (text === '/quit') break;
      if (text === '/new') {
        session = await worker.request(createSessionRequest, { ephemeral: false });
        progress.note('A new session.');
      } else if (text.startsWith('/file ')) {
        const attachment = readAttachment(parseFileArgument(text.slice('/file '.length).trim()));
        attachments.push(attachment);
        progress.note(`Attached ${attachment.path}.`);
      } else if (text.startsWith('/')) {
        throw new AnchorageError('invalidInput', `There is no command ${text.split(' ')[0]}.`, 'See chat --help.');
      } else if (text !== '') {
        await answer(terminal, input, session.id, text, attachments, sampling);
        attachments.length = 0;
      }
    } catch (error) {
      if (AnchorageError.is(error, 'workerDied')) throw error;
      progress.note(described(error, terminal.options.verbose));
    }
  }
  input.close();
  return exitCodes.ok;
}

/** Lines of the input, each asked for by a prompt. Ctrl-C at the prompt ends the input. */
async function* linesOf(input: Interface): AsyncGenerator<string> {
  const state = { isOpen: true };
  input.once('close', () => (state.isOpen = false));
  input.once('SIGINT', () => input.close());
  input.prompt();
  for await (const line of input) {
    yield line;
    // Input from a pipe ends long before its last line is answered.
    if (state.isOpen) input.prompt();
  }
}

async function answer(
  terminal: Terminal,
  input: Interface,
  sessionId: string,
  question: string,
  attachments: readonly Attachment[],
  sampling: Sampling,
): Promise<void> {
  const { options, progress, worker } = terminal;
  const abort = new AbortController();
  const stop = (): void => abort.abort();
  // On a terminal readline takes Ctrl-C; elsewhere it comes as a signal.
  input.removeAllListeners('SIGINT').on('SIGINT', stop);
  process.on('SIGINT', stop);
  let pending = Promise.resolve();
  terminal.onToken = (text) => {
    progress.clear();
    if (!options.json) pending = pending.then(() => write(process.stdout, text));
  };
  try {
    const request = {
      requestId: randomUUID(),
      sessionId,
      task: 'chat' as const,
      question,
      attachments: [...attachments],
      sampling,
    };
    const result = await worker.request(askRequest, request, { signal: abort.signal });
    await pending;
    await write(process.stdout, options.json ? `${JSON.stringify(result)}\n` : '\n');
    if (!options.quiet && !options.json) progress.note(usageLine(result.exchange));
  } finally {
    process.off('SIGINT', stop);
    input.removeAllListeners('SIGINT').once('SIGINT', () => input.close());
  }
}
