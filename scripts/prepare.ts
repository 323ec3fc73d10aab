// Prepares the steps named on the command line; run.mjs does this before a target runs.
import { endProgramsOnSignals, prepare } from './prepare/prepare.ts';
import { endWithError } from './prepare/preparationError.mjs';

endProgramsOnSignals();
try {
  await prepare(process.argv.slice(2));
} catch (error) {
  endWithError(error);
}
