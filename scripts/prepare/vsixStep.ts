import { join } from 'node:path';
import { exists, hashOfFiles } from './files.ts';
import { distFolder, packageFolder, root, vsixFile } from './folders.ts';
import { runProgram } from './program.mjs';
import type { Step } from './step.mjs';
import { hashOf } from './step.mjs';

/** Packages the extension, with the model, into a VSIX. */
export function vsixStep(): Step {
  return {
    name: 'vsix',
    title: 'Packaging the extension (VSIX)',
    neededBytes: 0.5e9,
    key: async () =>
      hashOf([
        await hashOfFiles(distFolder, ['**/*']),
        await hashOfFiles(packageFolder, ['SHA256SUMS']),
        await hashOfFiles(root, [
          'package.json',
          'package.nls*.json',
          'package-lock.json',
          '.vscodeignore',
          'docs/*.png',
          'l10n/**/*',
          'media/**/*',
          'scripts/package.ts',
          'scripts/vsix/*.ts',
          '*.md',
          'LICENSE',
        ]),
      ]),
    isPresent: () => exists(vsixFile),
    async make(progress) {
      await runProgram(process.execPath, [join(root, 'scripts', 'package.ts')], {
        onLine(line) {
          progress.advance({ note: line.slice(0, 100) });
        },
      });
    },
  };
}
