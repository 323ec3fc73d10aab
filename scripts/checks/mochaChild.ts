// Runs the test files that the globs name with mocha, and sends the tally to the parent process:
// `node scripts/checks/mochaChild.ts [--grep TEXT] [--timeout MS] GLOB...`
import { glob } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import Mocha from 'mocha';

const { values, positionals } = parseArgs({
  options: { grep: { type: 'string' }, timeout: { type: 'string', default: '20000' } },
  allowPositionals: true,
});
const files: string[] = [];
for await (const file of glob(positionals)) files.push(file);
files.sort();

const mocha = new Mocha({
  timeout: Number(values.timeout),
  color: process.stdout.isTTY,
  ...(values.grep === undefined ? {} : { grep: values.grep }),
});
for (const file of files) mocha.addFile(file);
await mocha.loadFilesAsync();
const runner = mocha.run((failures) => {
  const { passes = 0, pending = 0 } = runner.stats ?? {};
  const done = () => {
    // A test may have left a handle open; its result stands all the same.
    process.exit(failures + pending === 0 ? 0 : 1);
  };
  if (process.send) process.send({ passed: passes, failed: failures + pending }, done);
  else done();
});
