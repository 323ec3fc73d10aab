// `npm test [-- --only NAME,NAME] [--grep TEXT]`
import { z } from 'zod';
import { checks } from './checks/checks.ts';
import { endChildren } from './checks/childProcess.ts';
import { runChecks } from './checks/runChecks.ts';
import { noArguments, readOptions } from './options.ts';
import { endProgramsOnSignals } from './prepare/prepare.ts';

const listing = checks.map(({ name, summary }) => `  ${name.padEnd(9)} ${summary}`).join('\n');
const names = checks.map(({ name }) => name);
const { only, grep } = readOptions({
  usage: `usage: npm test [-- --only NAME,NAME] [--grep TEXT]\n\n${listing}`,
  options: { only: { type: 'string' }, grep: { type: 'string' } },
  schema: z.object({
    only: z
      .string()
      .transform((text) => text.split(','))
      .pipe(z.array(z.enum(names)))
      .default(names),
    grep: z.string().optional(),
    _: noArguments,
  }),
});

endProgramsOnSignals();
process.once('exit', endChildren);
const { failed } = await runChecks(
  checks.filter(({ name }) => only.includes(name)),
  { grep },
);
// Explicit: a handle that a check left open must not keep the command from ending.
process.exit(failed === 0 ? 0 : 1);
