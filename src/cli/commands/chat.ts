import type { Command } from 'commander';
import { z } from 'zod';
import { AnchorageError } from '../../protocol/errors.ts';
import { samplingSchema } from '../../protocol/sampling.ts';
import { createSessionRequest, listSessionsRequest, openSessionRequest } from '../../protocol/worker.ts';
import type { SessionView } from '../../protocol/worker.ts';
import { ChatInput } from '../chat/chatInput.ts';
import { Conversation } from '../chat/conversation.ts';
import { runSlashCommand, slashHelp } from '../chat/slashCommands.ts';
import { runs } from '../commandResult.ts';
import type { OnExitCode } from '../commandResult.ts';
import { exitCodes } from '../exitCodes.ts';
import { addModelOptions, addOutputOptions, addSamplingOptions } from '../globalOptions.ts';
import { defaultStorageFolder } from '../packagePaths.ts';
import { findSession } from '../sessions/findSession.ts';
import { exchangeCount } from '../sessions/sessionLines.ts';
import { listSessions } from '../sessions/showSessions.ts';
import { described, withTerminal } from '../terminal.ts';
import type { Requester } from '../terminal.ts';

const optionsSchema = z.object({
  storage: z.string(),
  list: z.boolean().default(false),
  continue: z.boolean().default(false),
  session: z.string().optional(),
});

/** `chat`: a conversation, kept and restored. */
export function addChatCommand(program: Command, onExitCode: OnExitCode): void {
  const command = program
    .command('chat')
    .description('Talk with the model. The session is kept, and continued without reading it again.')
    .option('--list', 'list the sessions that are kept')
    .option('-c, --continue', 'go on with the latest session, if there is one')
    .option('--session <id>', 'go on with this session: its id, a beginning of it, or last')
    .option('--storage <folder>', 'folder for sessions', defaultStorageFolder())
    .addHelpText('after', slashHelp);
  addOutputOptions(addSamplingOptions(addModelOptions(command)));
  runs(command, onExitCode, (_, options, raw) => {
    const { storage, list, continue: isLatest, session } = optionsSchema.parse(raw);
    return withTerminal(options, storage, async (terminal) => {
      if (list) await listSessions(terminal);
      else {
        // A wrong id is told before the model is loaded.
        const reference = session === undefined ? undefined : (await findSession(terminal.worker, session)).id;
        await terminal.loadModel();
        const view = await openSession(terminal.worker, reference, isLatest);
        if (view.exchanges.length > 0)
          terminal.progress.note(`${view.title} (${exchangeCount(view.exchanges.length)})`);
        const input = new ChatInput();
        await converse(new Conversation(terminal, input, view.id, samplingSchema.parse(raw)));
        input.close();
      }
      return exitCodes.ok;
    });
  });
}

async function openSession(worker: Requester, id: string | undefined, isLatest: boolean): Promise<SessionView> {
  if (id !== undefined) return worker.request(openSessionRequest, { sessionId: id });
  const [latest] = isLatest ? await worker.request(listSessionsRequest, {}) : [];
  if (latest !== undefined) return worker.request(openSessionRequest, { sessionId: latest.id });
  return worker.request(createSessionRequest, { ephemeral: false });
}

/** Reads questions and commands until the input ends. */
async function converse(chat: Conversation): Promise<void> {
  for (let line = await chat.input.next(); line !== null; line = await chat.input.next()) {
    const text = line.trim();
    try {
      if (text === '/quit') break;
      if (text.startsWith('/')) await runSlashCommand(chat, text);
      else if (text !== '') await chat.ask(text);
    } catch (error) {
      if (AnchorageError.is(error, 'workerDied')) throw error;
      chat.terminal.progress.note(described(error, chat.terminal.options.verbose));
    }
  }
}
