import { Option } from 'commander';
import type { Command } from 'commander';
import { z } from 'zod';
import { sessionFormats } from '../../protocol/worker.ts';
import { runs } from '../commandResult.ts';
import type { OnExitCode } from '../commandResult.ts';
import { exitCodes } from '../exitCodes.ts';
import { addOutputOptions } from '../globalOptions.ts';
import { defaultStorageFolder } from '../packagePaths.ts';
import { deleteSession, forgetSequence, renameSession } from '../sessions/changeSessions.ts';
import { exportSession, importSession } from '../sessions/moveSessions.ts';
import { listSessions, searchSessions, showSession } from '../sessions/showSessions.ts';
import { withTerminal } from '../terminal.ts';
import type { Terminal } from '../terminal.ts';

/** What a subcommand does; its options are checked by its schema. */
type Work<T> = (terminal: Terminal, args: readonly string[], options: T) => Promise<void>;

const help = `
ID is the id of a session, an unambiguous beginning of it, or last. No model is needed for any of these.

Examples:
  anchorage sessions search parse config
  anchorage sessions export last --out session.md
  anchorage sessions forget 3f2a 7`;

/** `sessions`: what is kept of conversations. */
export function addSessionsCommand(program: Command, onExitCode: OnExitCode): void {
  const sessions = program
    .command('sessions')
    .description('List, show, search, rename, delete, export and import the sessions that are kept.')
    .addHelpText('after', help);

  function add<T>(usage: string, description: string, schema: z.ZodType<T>, work: Work<T>): Command {
    const command = sessions
      .command(usage)
      .description(description)
      .option('--storage <folder>', 'folder for sessions', defaultStorageFolder());
    addOutputOptions(command);
    runs(command, onExitCode, (args, options, raw) =>
      withTerminal(options, z.object({ storage: z.string() }).parse(raw).storage, async (terminal) => {
        await work(terminal, args, schema.parse(raw));
        return exitCodes.ok;
      }),
    );
    return command;
  }

  const none = z.object({});
  const asks = z.object({ yes: z.boolean().default(false) });
  const exports = z.object({
    format: z.enum(sessionFormats),
    out: z.string().optional(),
    force: z.boolean().default(false),
  });

  add('list', 'List the sessions, the latest first.', none, (terminal) => listSessions(terminal));
  add('show <id>', 'Show a session: its exchanges, and what is held of it.', none, (terminal, [id = '']) =>
    showSession(terminal, id),
  );
  add('search <words...>', 'Find sessions that have all the words.', none, (terminal, words) =>
    searchSessions(terminal, words.join(' ')),
  );
  add('rename <id> <title...>', 'Give a session another title.', none, (terminal, [id = '', ...title]) =>
    renameSession(terminal, id, title.join(' ')),
  );
  add('delete <id>', 'Delete a session for good.', asks, (terminal, [id = ''], { yes }) =>
    deleteSession(terminal, id, yes),
  ).option('-y, --yes', 'do not ask first');
  add('export <id>', 'Write a session as text, on stdout or to a file.', exports, (terminal, [id = ''], options) =>
    exportSession(terminal, id, options),
  )
    .addOption(
      new Option('--format <name>', 'markdown: the branch that is shown, to be read; json: all of it, to be imported')
        .choices(sessionFormats)
        .default('markdown'),
    )
    .option('-o, --out <file>', 'write to this file')
    .option('--force', 'replace the file if it is there');
  add('import <file>', 'Take what export wrote as JSON, as a new session.', none, (terminal, [file = '']) =>
    importSession(terminal, file),
  );
  add(
    'forget <id> <sequence>',
    'Remove a sequence (its number in show) from a session for good: its text and its anchors.',
    asks,
    (terminal, [id = '', sequence = ''], { yes }) => forgetSequence(terminal, id, sequence, yes),
  ).option('-y, --yes', 'do not ask first');
}
