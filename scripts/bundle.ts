// Bundles what the editor and the terminal run: `node scripts/bundle.ts [--production | --watch]`.
import { chmod, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { BuildOptions } from 'esbuild';
import { build, context } from 'esbuild';
import { z } from 'zod';
import { noArguments, readOptions } from './options.ts';
import { cacheFolder, distFolder, root } from './prepare/folders.ts';
import { stampFile } from './prepare/step.mjs';
import { withWorkFolder } from './prepare/workFolder.mjs';

const options = readOptions({
  usage: 'usage: npm run bundle -- [--production | --watch]',
  options: { production: { type: 'boolean' }, watch: { type: 'boolean' } },
  schema: z.object({ production: z.boolean().default(false), watch: z.boolean().default(false), _: noArguments }),
});

/** Bundled packages that are CommonJS call `require`, which an ES module has to make for itself. */
const requireInModule = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";

function bundlesInto(folder: string): BuildOptions[] {
  const shared: BuildOptions = {
    absWorkingDir: root,
    bundle: true,
    minify: options.production,
    keepNames: options.production,
    sourcemap: options.production ? false : 'linked',
    logLevel: 'warning',
  };
  const node: BuildOptions = { ...shared, platform: 'node', target: 'node22' };
  const module: BuildOptions = {
    ...node,
    format: 'esm',
    external: ['onnxruntime-node'],
    banner: { js: requireInModule },
  };
  return [
    {
      ...node,
      format: 'cjs',
      entryPoints: ['src/extension.ts'],
      outfile: join(folder, 'extension.cjs'),
      external: ['vscode'],
    },
    { ...module, entryPoints: ['src/worker/main.ts'], outfile: join(folder, 'worker.mjs') },
    {
      ...module,
      entryPoints: ['src/cli/main.ts'],
      outfile: join(folder, 'cli.mjs'),
      banner: { js: `#!/usr/bin/env node\n${requireInModule}` },
    },
    {
      ...shared,
      platform: 'browser',
      target: 'es2024',
      format: 'iife',
      entryPoints: ['src/webview/chat.ts'],
      outfile: join(folder, 'webview', 'chat.js'),
    },
  ];
}

// The step that runs this for production stamps what it made. Whatever else this makes must not pass for that.
await rm(stampFile(cacheFolder, 'bundle'), { force: true });
if (options.watch) {
  for (const options of bundlesInto(distFolder)) await (await context({ ...options, logLevel: 'info' })).watch();
} else {
  await withWorkFolder(cacheFolder, async (work) => {
    const bundled = join(work, 'dist');
    const outcomes = await Promise.allSettled(bundlesInto(bundled).map((options) => build(options)));
    if (outcomes.some(({ status }) => status === 'rejected')) {
      // esbuild has said what is wrong and where.
      process.exitCode = 1;
      return;
    }
    // package.json's `bin`.
    await chmod(join(bundled, 'cli.mjs'), 0o755);
    await rm(distFolder, { recursive: true, force: true });
    await rename(bundled, distFolder);
  });
}
