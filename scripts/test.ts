// `npm test [-- --only NAME,NAME] [--grep TEXT]`
import { parseArgs } from 'node:util';
import { checks } from './checks/checks.ts';
import { endChildren } from './checks/childProcess.ts';
import { runChecks } from './checks/runChecks.ts';
import { endProgramsOnSignals } from './prepare/prepare.ts';

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    grep: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
const names = values.only?.split(',') ?? checks.map(({ name }) => name);
const unknown = names.filter((name) => checks.every((check) => check.name !== name));

if (values.help || unknown.length > 0) {
  const listing = checks.map(({ name, summary }) => `  ${name.padEnd(9)} ${summary}`).join('\n');
  process.stdout.write(
    `${unknown.length > 0 ? `There is no check "${unknown.join('", "')}".\n` : ''}usage: npm test [-- --only NAME,NAME] [--grep TEXT]\n\n${listing}\n`,
  );
  process.exitCode = unknown.length > 0 ? 2 : 0;
} else {
  endProgramsOnSignals();
  process.once('exit', endChildren);
  const { failed } = await runChecks(
    checks.filter(({ name }) => names.includes(name)),
    { grep: values.grep },
  );
  // Explicit: a handle that a check left open must not keep the command from ending.
  process.exit(failed === 0 ? 0 : 1);
}
