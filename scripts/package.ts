// Packages the extension with its model into a VSIX for linux-x64: `npm run package`.
import { readdir, rename, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { createVSIX } from '@vscode/vsce';
import { noOptions, readOptions } from './options.ts';
import { cacheFolder, vsixFile } from './prepare/folders.ts';
import { megabytes } from './prepare/progress.mjs';
import { withWorkFolder } from './prepare/workFolder.mjs';
import { problemsWith, vsixBudget } from './vsix/contents.ts';
import { stageExtension, vsixTarget } from './vsix/stage.ts';

readOptions({ usage: 'usage: npm run package', schema: noOptions });

await withWorkFolder(cacheFolder, async (work) => {
  const stage = join(work, 'extension');
  await stageExtension(stage);
  const problems = problemsWith(await filesIn(stage));
  if (problems.length > 0) throw new Error(`The VSIX would not hold what it should:\n${problems.join('\n')}`);
  const packed = join(work, 'extension.vsix');
  await createVSIX({
    cwd: stage,
    packagePath: packed,
    target: vsixTarget,
    dependencies: false,
    allowMissingRepository: true,
    rewriteRelativeLinks: false,
  });
  const { size } = await stat(packed);
  if (size > vsixBudget) throw new Error(`The VSIX has ${megabytes(size)}; its budget is ${megabytes(vsixBudget)}.`);
  await rename(packed, vsixFile);
  process.stdout.write(`${vsixFile} ${megabytes(size)}\n`);
});

async function filesIn(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'));
}
