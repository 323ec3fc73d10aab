import { glob, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { format } from 'node:util';
import { build } from 'esbuild';
import { z } from 'zod';
import type { Tally } from '../checks/check.ts';
import { oneFailed } from '../checks/check.ts';
import { cacheFolder, root } from '../prepare/folders.ts';
import { launchBrowser } from './browser.ts';
import { EditorServer } from './editorServer.ts';
import { copySampleWorkspace } from './sampleWorkspace.ts';

/** How test/host/index.ts marks the tests' lines among the console's. */
const linePrefix = 'test/host:';
const limitMs = 10 * 60_000;
const resultsSchema = z.object({ passed: z.int(), failed: z.int() });

/** Bundles test/host into one file that VS Code's extension host can load, and gives its path. */
export async function bundleHostSuite(): Promise<string> {
  const folder = join(cacheFolder, 'host-suite');
  await mkdir(folder, { recursive: true });
  const outfile = join(folder, 'index.cjs');
  const { metafile } = await build({
    absWorkingDir: root,
    bundle: true,
    platform: 'node',
    target: 'node22',
    format: 'cjs',
    entryPoints: ['test/host/index.ts'],
    outfile,
    external: ['vscode', 'mocha'],
    sourcemap: 'inline',
    metafile: true,
    logLevel: 'warning',
  });
  for await (const file of glob('test/host/**/*.test.ts', { cwd: root })) {
    if (!(file in metafile.inputs)) throw new Error(`test/host/index.ts does not load ${file}.`);
  }
  return outfile;
}

/**
 * Runs the suite in test/host with mocha inside the extension host of a VS Code that code-server serves. The extension
 * is loaded from the repository's folder.
 */
export async function runHostSuite(grep: string | undefined): Promise<Tally> {
  const suite = await bundleHostSuite();
  const dataFolder = await mkdtemp(join(tmpdir(), 'anchorage-host-'));
  const results = join(dataFolder, 'results.json');
  const workspace = await copySampleWorkspace(dataFolder);
  const env = { ANCHORAGE_HOST_RESULTS: results, ...(grep === undefined ? {} : { ANCHORAGE_HOST_GREP: grep }) };
  const server = await EditorServer.start({ dataFolder, env, testDriver: true });
  const browser = await launchBrowser();
  try {
    const page = await browser.newPage();
    // The workbench calls these two when it runs an extension's tests.
    const otherLines: string[] = [];
    await page.exposeFunction('codeAutomationLog', (_type: string, args: readonly unknown[]) => {
      const line = format(...args);
      // The workbench's own warnings matter only if the tests never came to run.
      if (line.startsWith(linePrefix)) process.stdout.write(`${line.slice(linePrefix.length)}\n`);
      else otherLines.push(line);
    });
    const { promise: ended, resolve: end } = Promise.withResolvers<boolean>();
    await page.exposeFunction('codeAutomationExit', () => end(true));
    await page.goto(
      server.url(workspace, [
        ['extensionDevelopmentPath', server.remoteUri(root)],
        ['extensionTestsPath', server.remoteUri(suite)],
      ]),
    );
    if (!(await Promise.race([ended, sleep(limitMs, false)]))) process.stdout.write('The suite did not end in time.\n');
    const parsed = resultsSchema.safeParse(JSON.parse(await readFile(results, 'utf8').catch(() => 'null')));
    if (parsed.success && parsed.data.passed + parsed.data.failed > 0) return parsed.data;
    process.stdout.write(`The suite did not run. The workbench said:\n${otherLines.join('\n')}\n`);
    return oneFailed;
  } finally {
    await browser.close();
    server.stop();
    await rm(dataFolder, { recursive: true, force: true, maxRetries: 5 });
  }
}
