import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { packageManifestSchema } from '../../src/protocol/packageManifest.ts';
import type { Base } from './base.ts';
import { baseFile } from './base.ts';
import { hashOfFiles, hasSize, sha256Of } from './files.ts';
import { adapterFiles, adapterFolder, packageFolder, root } from './folders.ts';
import { PreparationError } from './preparationError.mjs';
import { runProgram } from './program.mjs';
import { hashOfProgram } from './programHash.ts';
import type { Step } from './step.mjs';
import { hashOf } from './step.mjs';

const builder = join(root, 'scripts', 'buildPackage.ts');

/** Builds the built-in model's package from the base and the adapter, with the project's own converter. */
export function modelPackageStep(base: Base): Step {
  return {
    name: 'package',
    title: 'Building the model package',
    // Measured: 0.84e9 at its most.
    neededBytes: 0.9e9,
    key: async () =>
      hashOf([base.file.sha256, await hashOfFiles(adapterFolder, adapterFiles), await hashOfProgram(builder)]),
    isPresent: () => isWholePackage(packageFolder),
    async make(progress) {
      const source = baseFile(base);
      if ((await sha256Of(source)) !== base.file.sha256) {
        await rm(source);
        throw new PreparationError(
          'checksum',
          `${source} was damaged, and has been removed. Run the same command again: it is fetched anew.`,
        );
      }
      // The converter replaces packages only; what is left of a damaged one it would take for something of the user's.
      if (!(await isWholePackage(packageFolder))) await rm(packageFolder, { recursive: true, force: true });
      await runProgram(process.execPath, [builder], {
        onLine(line) {
          progress.advance({ note: line.slice(0, 100) });
        },
      });
    },
  };
}

/** Whether a folder holds a package with all of its files at their sizes. */
export async function isWholePackage(folder: string): Promise<boolean> {
  try {
    const text = await readFile(join(folder, 'anchorage_package.json'), 'utf8');
    const { files } = packageManifestSchema.parse(JSON.parse(text));
    const rights = await Promise.all(files.map(({ path, bytes }) => hasSize(join(folder, path), bytes)));
    return rights.every(Boolean);
  } catch {
    return false;
  }
}
