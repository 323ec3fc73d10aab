// Prepares the steps named on the command line; run.mjs does this before a target runs.
import { endProgramsOnSignals, prepare } from './prepare/prepare.ts';
import { PreparationError } from './prepare/preparationError.mjs';

endProgramsOnSignals();
try {
  await prepare(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof PreparationError)) throw error;
  process.stderr.write(`\n${error.message}\n`);
  process.exitCode = 1;
}
