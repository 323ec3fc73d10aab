import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import { z } from 'zod';
import { root } from './folders.ts';
import { hashOf } from './step.mjs';

const lockSchema = z.object({ packages: z.record(z.string(), z.object({ version: z.string().optional() })) });

/**
 * A hash of all that decides what a script of ours does: the code that it imports, less comments and types, and the
 * locked versions of the packages that this code imports.
 */
export async function hashOfProgram(entry: string): Promise<string> {
  const { outputFiles, metafile } = await build({
    absWorkingDir: root,
    entryPoints: [entry],
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    minifyWhitespace: true,
    legalComments: 'none',
    metafile: true,
    write: false,
    outdir: 'unused',
    logLevel: 'silent',
  });
  const { packages } = lockSchema.parse(JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8')));
  const imported = Object.values(metafile.outputs).flatMap(({ imports }) => imports.map(({ path }) => path));
  const versions = [...new Set(imported)].sort().map((specifier) => {
    const [, name = specifier] = /^((?:@[^/]+\/)?[^/]+)/.exec(specifier) ?? [];
    return `${name} ${packages[`node_modules/${name}`]?.version ?? 'of Node'}`;
  });
  return hashOf([...outputFiles.map(({ contents }) => contents), ...versions]);
}
