import { Command } from 'commander';
import { addAskCommand, addFileCommand } from './commands/ask.ts';
import { addBatchCommand } from './commands/batch.ts';
import { addChatCommand } from './commands/chat.ts';
import { addConvertCommand } from './commands/convert.ts';
import { addDiagnoseCommand } from './commands/diagnose.ts';
import { addSessionsCommand } from './commands/sessions.ts';
import { exitCodeHelp } from './exitCodes.ts';
import type { ExitCode } from './exitCodes.ts';

/**
 * The command line: every command with its options and help.
 *
 * @param onExitCode told the exit code of the command that ran.
 */
export function createProgram(onExitCode: (code: ExitCode) => void): Command {
  const program = new Command('anchorage')
    .description(
      'Private, local assistance from a terminal. What was read before is held as anchors: a few keys and values\n' +
        'per sequence in place of all, so that a long conversation stays fast. Nothing leaves this machine.',
    )
    .showHelpAfterError('Run the command with --help for its usage.')
    .addHelpText('after', `${exitCodeHelp}\n\nAnswers and data go to stdout, progress and errors to stderr.`)
    .exitOverride();
  addAskCommand(program, onExitCode);
  addChatCommand(program, onExitCode);
  addSessionsCommand(program, onExitCode);
  addFileCommand(program, onExitCode, 'explain', 'Explain a file, or lines of it.');
  addFileCommand(program, onExitCode, 'summarize', 'Summarize a file, or lines of it.');
  addBatchCommand(program, onExitCode);
  addConvertCommand(program, onExitCode);
  addDiagnoseCommand(program, onExitCode);
  for (const command of program.commands)
    command.exitOverride().showHelpAfterError('Run the command with --help for its usage.');
  return program;
}
