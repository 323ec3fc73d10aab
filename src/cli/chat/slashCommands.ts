import { AnchorageError } from '../../protocol/errors.ts';
import { selectBranchRequest, sequenceActionRequest } from '../../protocol/worker.ts';
import type { SequenceAction } from '../../protocol/worker.ts';
import { isYes } from '../confirm.ts';
import { parseFileArgument, readAttachment } from '../fileArgument.ts';
import { findSequence } from '../sessions/findSession.ts';
import { mapLines, sequenceLines } from '../sessions/memoryLines.ts';
import { exchangeLines } from '../sessions/sessionLines.ts';
import type { Conversation } from './conversation.ts';

/** Does what a command says, with what stands after its name. */
type SlashCommand = (chat: Conversation, argument: string) => Promise<void>;

export const slashHelp = `
In the chat (N is the number of an exchange in /show, S of a sequence in /list):
  /file FILE[:L7-L20]   attach a file, or lines of it, to the next question
  /edit N [QUESTION]    ask exchange N anew, otherwise; it stays as another branch
  /again [N]            have the last question, or that of N, answered anew
  /branch N             show the next of the branches that begin at exchange N
  /show                 the exchanges
  /map, /list           what is held of the session: as a map, or every sequence in a line
  /pin S, /unpin S      keep a sequence's anchors as they are, whatever the budget; or no longer
  /read S               read a sequence's text again for the next question
  /forget S             remove a sequence for good
  /new                  begin a new session
  /quit, or Ctrl-D      end; the session is kept
  Ctrl-C                stop the answer; what was written of it is kept`;

const commands: Readonly<Record<string, SlashCommand>> = {
  file: async (chat, argument) => {
    const attachment = readAttachment(parseFileArgument(argument));
    chat.attachments.push(attachment);
    chat.terminal.progress.note(`Attached ${attachment.path}.`);
  },
  edit: async (chat, argument) => {
    const [, number = '', question = ''] = /^(\S*)\s*(.*)$/s.exec(argument) ?? [];
    const exchange = await chat.exchange(exchangeNumber(number));
    if (question !== '') return chat.ask(question, exchange.id);
    if (!chat.input.isTerminal)
      throw new AnchorageError(
        'invalidInput',
        '/edit has no question.',
        `Write it after the number: /edit ${number} …`,
      );
    chat.input.draft = `/edit ${number} ${exchange.question}`;
  },
  again: async (chat, argument) => {
    const number = argument === '' ? (await chat.view()).exchanges.length : exchangeNumber(argument);
    await chat.ask('', (await chat.exchange(number)).id);
  },
  branch: async (chat, argument) => {
    const { id, siblings } = await chat.exchange(exchangeNumber(argument));
    const next = siblings[(siblings.indexOf(id) + 1) % siblings.length];
    if (next === undefined || next === id) {
      throw new AnchorageError(
        'invalidInput',
        `No other branch begins at exchange ${argument}.`,
        'Make one with /edit.',
      );
    }
    const { terminal, sessionId } = chat;
    const session = await terminal.worker.request(selectBranchRequest, { sessionId, exchangeId: next });
    note(chat, exchangeLines(session));
  },
  show: async (chat) => note(chat, exchangeLines(await chat.view())),
  map: async (chat) => note(chat, mapLines((await chat.view()).memory)),
  list: async (chat) => note(chat, sequenceLines((await chat.view()).memory)),
  pin: onSequence('pin', 'is pinned'),
  unpin: onSequence('unpin', 'is no longer pinned'),
  read: onSequence('readAgain', 'will be read again for the next question'),
  forget: onSequence('forget', 'is forgotten'),
  new: async (chat) => {
    await chat.beginNew();
    note(chat, ['A new session.']);
  },
  help: async (chat) => note(chat, [slashHelp.trim()]),
};

/** @throws AnchorageError `invalidInput` when there is no such command, and what the command throws. */
export async function runSlashCommand(chat: Conversation, line: string): Promise<void> {
  const [, name = '', argument = ''] = /^\/(\S*)\s*(.*)$/s.exec(line) ?? [];
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined) throw new AnchorageError('invalidInput', `There is no command /${name}.`, 'See /help.');
  await command(chat, argument.trim());
}

function onSequence(action: SequenceAction, done: string): SlashCommand {
  return async (chat, argument) => {
    const { terminal, sessionId } = chat;
    const { id: sequenceId, label, textTokens } = findSequence(await chat.view(), argument);
    if (action === 'forget') {
      const question = `"${label}" (${textTokens} tokens) will be forgotten for good. Type yes to go on: `;
      if (!isYes((await chat.input.next(question)) ?? ''))
        throw new AnchorageError('cancelled', 'Nothing was changed.');
    }
    await terminal.worker.request(sequenceActionRequest, { sessionId, sequenceId, action });
    note(chat, [`"${label}" ${done}.`]);
  };
}

function exchangeNumber(text: string): number {
  if (/^\d{1,6}$/.test(text)) return Number(text);
  throw new AnchorageError('invalidInput', `${JSON.stringify(text)} is not the number of an exchange.`, 'See /show.');
}

function note(chat: Conversation, lines: readonly string[]): void {
  chat.terminal.progress.note(lines.join('\n'));
}
