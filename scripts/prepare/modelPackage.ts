import { join } from 'node:path';
import type { Base } from './base.ts';
import { exists, hashOfFiles } from './files.ts';
import { adapterFolder, packageFolder, root } from './folders.ts';
import { runProgram } from './program.mjs';
import type { Step } from './step.mjs';
import { hashOf } from './step.mjs';

/** Builds the built-in model's package from the base and the adapter, with the project's own converter. */
export function modelPackageStep(base: Base): Step {
  return {
    name: 'package',
    title: 'Building the model package',
    neededBytes: 3e9,
    key: async () =>
      hashOf([
        base.file.sha256,
        await hashOfFiles(adapterFolder, ['*.json', '*.safetensors']),
        await hashOfFiles(root, ['src/convert/**/*.ts', 'scripts/buildPackage.ts']),
      ]),
    isPresent: () => exists(join(packageFolder, 'anchorage_package.json')),
    async make(progress) {
      await runProgram(process.execPath, [join(root, 'scripts', 'buildPackage.ts')], {
        onLine(line) {
          progress.advance({ note: line.slice(0, 100) });
        },
      });
    },
  };
}
