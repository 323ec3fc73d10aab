import { CommanderError } from 'commander';
import { exitCodes } from './exitCodes.ts';
import { createProgram } from './program.ts';

/**
 * Runs a command line.
 *
 * @param args without the program's name.
 * @returns the exit code; what went wrong was told on stderr.
 */
export async function run(args: readonly string[]): Promise<number> {
  let code: number = exitCodes.ok;
  try {
    await createProgram((result) => (code = result)).parseAsync(args, { from: 'user' });
  } catch (error) {
    // Commander has told what is wrong with the arguments, or printed the help that was asked for.
    if (!(error instanceof CommanderError)) throw error;
    code = error.exitCode === 0 ? exitCodes.ok : exitCodes.badInput;
  }
  return code;
}
