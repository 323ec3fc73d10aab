import { writeFileSync } from 'node:fs';
import Mocha from 'mocha';

/** The tests register themselves with the mocha that is running when they are loaded. */
async function loadTests(): Promise<void> {
  await import('./activation.test.ts');
}

/**
 * Called by VS Code in the extension host. The tally goes to the file that the environment names, because the host
 * tells the runner only whether this promise was rejected.
 */
export async function run(): Promise<void> {
  const grep = process.env['ANCHORAGE_HOST_GREP'];
  const mocha = new Mocha({ ui: 'bdd', color: false, timeout: 120_000, ...(grep === undefined ? {} : { grep }) });
  mocha.suite.emit('pre-require', globalThis, 'test/host', mocha);
  await loadTests();
  await new Promise<void>((resolve, reject) => {
    const runner = mocha.run((failures) => {
      const { passes = 0, pending = 0 } = runner.stats ?? {};
      const results = process.env['ANCHORAGE_HOST_RESULTS'];
      if (results !== undefined) writeFileSync(results, JSON.stringify({ passed: passes, failed: failures + pending }));
      if (failures + pending === 0) resolve();
      else reject(new Error(`${String(failures)} tests failed, ${String(pending)} were skipped.`));
    });
  });
}
