// Runs the host suite in a desktop VS Code: `npm run test-desktop`. Fetches that VS Code first (update.code.visualstudio.com),
// so it is not part of `npm test`, which needs package registries only and runs the same suite in code-server.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runTests } from '@vscode/test-electron';
import { bundleHostSuite } from './editor/hostSuite.ts';
import { copySampleWorkspace } from './editor/sampleWorkspace.ts';
import { cacheFolder, root } from './prepare/folders.ts';

const dataFolder = await mkdtemp(join(tmpdir(), 'anchorage-desktop-'));
try {
  process.exitCode = await runTests({
    version: process.argv[2] ?? 'stable',
    cachePath: join(cacheFolder, 'tools', 'vscode'),
    extensionDevelopmentPath: root,
    extensionTestsPath: await bundleHostSuite(),
    launchArgs: [
      await copySampleWorkspace(dataFolder),
      `--user-data-dir=${join(dataFolder, 'data')}`,
      '--disable-extensions',
      '--disable-workspace-trust',
    ],
  });
} catch (error) {
  const reason = error instanceof Error ? error.message : String(error);
  process.stderr.write(
    `The desktop's VS Code could not be run: ${reason}\nIt is fetched from update.code.visualstudio.com and needs a display (or xvfb-run).\n`,
  );
  process.exitCode = 1;
} finally {
  await rm(dataFolder, { recursive: true, force: true, maxRetries: 5 });
}
