import { createHash } from 'node:crypto';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Variant } from '../../src/protocol/packageManifest.ts';
import { packageManifestSchema } from '../../src/protocol/packageManifest.ts';

/**
 * What of the built package the VSIX carries: int8, which `auto` prefers. int4 is a third smaller, but less true to the
 * model (`npm run --silent perplexity`), and fp32 is the tests' reference. A package with the others can be chosen by
 * `anchorage.model.folder`.
 */
export const shippedVariants: readonly Variant[] = ['int8'];

/**
 * Copies a built package with the shipped variants only, its manifest and checksums to match.
 *
 * @param source a package folder as src/convert writes it
 * @param target the folder to make
 */
export async function stageModel(source: string, target: string): Promise<void> {
  const manifestText = await readFile(join(source, 'anchorage_package.json'), 'utf8');
  const manifest = packageManifestSchema.loose().parse(JSON.parse(manifestText));
  const left = manifest.variants.filter((variant) => !shippedVariants.includes(variant));
  const files = manifest.files.filter(({ path }) => !left.some((variant) => path.includes(`_${variant}.onnx`)));
  for (const { path } of files) {
    await mkdir(dirname(join(target, path)), { recursive: true });
    await cp(join(source, path), join(target, path));
  }
  const shipped = `${JSON.stringify({ ...manifest, variants: manifest.variants.filter((each) => !left.includes(each)), files }, undefined, 2)}\n`;
  await writeFile(join(target, 'anchorage_package.json'), shipped);
  const sums = [
    ...files,
    { path: 'anchorage_package.json', sha256: createHash('sha256').update(shipped).digest('hex') },
  ];
  await writeFile(join(target, 'SHA256SUMS'), sums.map(({ path, sha256 }) => `${sha256}  ${path}\n`).join(''));
}
