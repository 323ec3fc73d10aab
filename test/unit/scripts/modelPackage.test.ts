import assert from 'node:assert/strict';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hasSize } from '../../../scripts/prepare/files.ts';
import { isWholePackage } from '../../../scripts/prepare/modelPackage.ts';
import { hashOfProgram } from '../../../scripts/prepare/programHash.ts';
import { packageFormatVersion } from '../../../src/protocol/packageManifest.ts';

describe('what the built-in package is made from', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'anchorage-package-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('is what its program does, wherever that is written: not comments, not types', async () => {
    const entry = join(folder, 'entry.ts');
    const part = join(folder, 'part.ts');
    await writeFile(entry, "import { part } from './part.ts';\nconsole.log(part);\n");
    const hashes: string[] = [];
    const contents = [
      'export const part = 1;\n',
      '// Why.\nexport const part: number = 1;\nexport type Unused = string;\n',
      'export const part = 2;\n',
      "import 'zod';\nexport const part = 2;\n",
    ];
    for (const content of contents) {
      await writeFile(part, content);
      hashes.push(await hashOfProgram(entry));
    }
    assert.equal(hashes[0], hashes[1]);
    assert.equal(new Set(hashes).size, 3);
  });

  it('is whole only with every file at its size', async () => {
    const data = join(folder, 'model.onnx_data');
    await writeFile(data, 'weights');
    assert.equal(await isWholePackage(folder), false);
    const files = [{ path: 'model.onnx_data', bytes: 7, sha256: '0'.repeat(64) }];
    const manifest = {
      format_version: packageFormatVersion,
      name: 'tiny',
      created_by: 'test',
      variants: ['int8'],
      files,
    };
    await writeFile(join(folder, 'anchorage_package.json'), JSON.stringify(manifest));
    assert.equal(await isWholePackage(folder), true);
    assert.equal(await hasSize(data, 7), true);
    await truncate(data, 6);
    assert.equal(await isWholePackage(folder), false);
    assert.equal(await hasSize(data, 7), false);
    await rm(data);
    assert.equal(await isWholePackage(folder), false);
    assert.equal(await hasSize(data, 7), false);
  });
});
