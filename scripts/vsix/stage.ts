import { cp, mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { exists } from '../prepare/files.ts';
import { distFolder, packageFolder, root } from '../prepare/folders.ts';
import { collectLicences } from './licences.ts';
import { stageModel } from './shippedModel.ts';

/** The platform that the VSIX is for, as VS Code and as onnxruntime name it. */
export const vsixTarget = 'linux-x64';
const runtimeFolder = join('bin', 'napi-v6', 'linux', 'x64');

/** Parts of package.json that only a checkout needs. */
const checkoutFields = ['scripts', 'dependencies', 'devDependencies', 'allowScripts', 'bin'];

/** Puts together, in `folder`, exactly what the VSIX is to hold. */
export async function stageExtension(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const names = await readdir(root);
  const documents = names.filter((name) =>
    /^(\.vscodeignore|README\.md|CHANGELOG\.md|LICENSE|THIRD_PARTY\.md|package\.nls.*\.json)$/.test(name),
  );
  const pictures = ['screenshot.png', 'measured.png'].map((name) => join('docs', name));
  for (const name of ['media', 'l10n', ...pictures, ...documents]) {
    if (await exists(join(root, name))) await cp(join(root, name), join(folder, name), { recursive: true });
  }
  await cp(distFolder, join(folder, 'dist'), { recursive: true, filter: (path) => !path.endsWith('.map') });
  await writeManifest(folder);
  await writeFile(join(folder, 'LIBRARY_LICENCES.txt'), await collectLicences());
  await stageRuntime(join(folder, 'dist', 'node_modules'));
  await stageModel(packageFolder, join(folder, 'model'));
}

async function writeManifest(folder: string): Promise<void> {
  const manifest = z
    .record(z.string(), z.unknown())
    .parse(JSON.parse(await readFile(join(root, 'package.json'), 'utf8')));
  const shipped = Object.fromEntries(Object.entries(manifest).filter(([field]) => !checkoutFields.includes(field)));
  await writeFile(join(folder, 'package.json'), `${JSON.stringify(shipped, undefined, 2)}\n`);
}

/**
 * onnxruntime for one platform, beside the bundles that import it: vsce leaves out a node_modules at the top when the
 * extension declares no dependencies.
 */
async function stageRuntime(modules: string): Promise<void> {
  const isCode = (path: string) => !/\.(map|d\.ts)$/.test(path);
  const node = join(root, 'node_modules', 'onnxruntime-node');
  const common = join(root, 'node_modules', 'onnxruntime-common');
  const copies: readonly (readonly [from: string, to: string])[] = [
    [join(node, 'package.json'), join('onnxruntime-node', 'package.json')],
    [join(node, 'dist'), join('onnxruntime-node', 'dist')],
    [join(node, runtimeFolder), join('onnxruntime-node', runtimeFolder)],
    [join(common, 'package.json'), join('onnxruntime-common', 'package.json')],
    [join(common, 'dist', 'cjs'), join('onnxruntime-common', 'dist', 'cjs')],
  ];
  for (const [from, to] of copies) await cp(from, join(modules, to), { recursive: true, filter: isCode });
}
