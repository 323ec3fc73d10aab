// Prepares the steps named on the command line; run.mjs does this before a target runs.
import { endProgramsOnSignals, prepare } from './prepare/prepare.ts';
import { preparationErrorOf } from './prepare/preparationError.mjs';

endProgramsOnSignals();
try {
  await prepare(process.argv.slice(2));
} catch (error) {
  const told = preparationErrorOf(error);
  if (told === undefined) throw error;
  process.stderr.write(`\n${told.message}\n`);
  process.exitCode = 1;
}
