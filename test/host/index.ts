import { writeFileSync } from 'node:fs';
import { format } from 'node:util';

/** Tells the runner which lines of the extension host's console are the report. */
const linePrefix = 'test/host:';

/** The tests register themselves with the mocha that is running when they are loaded. */
async function loadTests(): Promise<void> {
  await import('./activation.test.ts');
  await import('./configuration.test.ts');
  await import('./textSource.test.ts');
  await import('./chatController.test.ts');
  await import('./chatSessions.test.ts');
  await import('./chatBranches.test.ts');
  await import('./sessionFiles.test.ts');
  await import('./explain.test.ts');
  await import('./openFileIndexer.test.ts');
  await import('./summarize.test.ts');
  await import('./status.test.ts');
  await import('./realModel.test.ts');
}

/**
 * Called by VS Code in the extension host. The tally goes to the file that the environment names, because the host
 * tells the runner only whether this promise was rejected.
 */
export async function run(): Promise<void> {
  // Imported here: mocha is an ES module and this file is bundled as CommonJS.
  const { default: Mocha } = await import('mocha');
  Mocha.reporters.Base.consoleLog = (...args: readonly unknown[]) => console.log(`${linePrefix}${format(...args)}`);
  const grep = process.env['ANCHORAGE_HOST_GREP'];
  const mocha = new Mocha({ ui: 'bdd', color: false, timeout: 120_000, ...(grep === undefined ? {} : { grep }) });
  mocha.suite.emit('pre-require', globalThis, 'test/host', mocha);
  await loadTests();
  await new Promise<void>((resolve, reject) => {
    const runner = mocha.run((failures) => {
      const { passes = 0, pending = 0 } = runner.stats ?? {};
      const results = process.env['ANCHORAGE_HOST_RESULTS'];
      if (results !== undefined) {
        writeFileSync(results, JSON.stringify({ passed: passes, failed: failures + pending }));
      }
      if (failures + pending === 0) {
        resolve();
      } else {
        reject(new Error(`${failures} tests failed, ${pending} were skipped.`));
      }
    });
  });
}
