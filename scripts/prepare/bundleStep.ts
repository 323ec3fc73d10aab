import { join } from 'node:path';
import { exists, hashOfFiles } from './files.ts';
import { distFolder, root } from './folders.ts';
import { runProgram } from './program.mjs';
import type { Step } from './step.mjs';

const sources = ['src/**/*.{ts,css}', 'scripts/bundle.ts', 'package-lock.json'];

/** Bundles the extension, the worker, the CLI and the chat page for production. */
export function bundleStep(): Step {
  return {
    name: 'bundle',
    title: 'Bundling the extension',
    key: () => hashOfFiles(root, sources),
    isPresent: async () =>
      (
        await Promise.all(
          ['extension.cjs', 'worker.mjs', 'cli.mjs', 'webview/chat.js'].map((name) => exists(join(distFolder, name))),
        )
      ).every(Boolean),
    async make() {
      await runProgram(process.execPath, [join(root, 'scripts', 'bundle.ts'), '--production']);
    },
  };
}
