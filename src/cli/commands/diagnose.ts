import type { Command } from 'commander';
import { diagnoseRequest, tryProvidersRequest } from '../../protocol/worker.ts';
import { runs } from '../commandResult.ts';
import type { OnExitCode } from '../commandResult.ts';
import { exitCodes } from '../exitCodes.ts';
import { addModelOptions, addOutputOptions } from '../globalOptions.ts';
import { defaultStorageFolder } from '../packagePaths.ts';
import { described, withTerminal, write } from '../terminal.ts';

/** `diagnose`: looks at everything that an answer stands on. */
export function addDiagnoseCommand(program: Command, onExitCode: OnExitCode): void {
  const command = program
    .command('diagnose')
    .description('Check Node, onnxruntime, the model package (every SHA-256), execution providers, storage and memory.')
    .option('--storage <folder>', 'folder for sessions', defaultStorageFolder())
    .option('--try-gpu', 'try the execution providers again, whatever is known of them');
  addOutputOptions(addModelOptions(command));
  runs(command, onExitCode, (_, options) =>
    withTerminal(options, storageOf(command), async (terminal) => {
      // What fails here is one of the things that the checks tell.
      try {
        await terminal.loadModel();
        if (command.getOptionValue('tryGpu') === true) await terminal.worker.request(tryProvidersRequest, {});
      } catch (error) {
        if (options.verbose) terminal.progress.note(described(error, true));
      }
      const { checks } = await terminal.worker.request(diagnoseRequest, {});
      terminal.progress.clear();
      if (options.json) await write(process.stdout, `${JSON.stringify({ checks })}\n`);
      else {
        for (const { name, ok, detail, remedy } of checks) {
          await write(
            process.stdout,
            `${ok ? 'ok   ' : 'FAIL '}${name}: ${detail}${remedy === '' ? '' : `\n     ${remedy}`}\n`,
          );
        }
      }
      return checks.every((check) => check.ok) ? exitCodes.ok : exitCodes.failed;
    }),
  );
}

function storageOf(command: Command): string {
  return String(command.getOptionValue('storage'));
}
