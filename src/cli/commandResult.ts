import type { Command } from 'commander';
import { AnchorageError } from '../protocol/errors.ts';
import { exitCodeOf, exitCodes } from './exitCodes.ts';
import type { ExitCode } from './exitCodes.ts';
import { globalOptionsSchema } from './globalOptions.ts';
import type { GlobalOptions } from './globalOptions.ts';
import { described } from './terminal.ts';

/** A command's work. Gives the exit code, or throws an `AnchorageError`. */
export type CommandWork = (args: readonly string[], options: GlobalOptions, raw: unknown) => Promise<ExitCode>;

/** Is told what the process shall end with. */
export type OnExitCode = (code: ExitCode) => void;

/** Lets a command run `work`: its errors go to stderr with their remedy, and decide the exit code. */
export function runs(command: Command, onExitCode: OnExitCode, work: CommandWork): void {
  command.action(async () => {
    const raw = command.opts();
    const options = globalOptionsSchema.parse(raw);
    try {
      onExitCode(await work(command.args, options, raw));
    } catch (error) {
      process.stderr.write(`${described(error, options.verbose)}\n`);
      onExitCode(AnchorageError.is(error) ? exitCodeOf(error.reason) : exitCodes.failed);
    }
  });
}
