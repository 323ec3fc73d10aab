import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { problemsWith } from '../../../scripts/vsix/contents.ts';
import { stageModel } from '../../../scripts/vsix/shippedModel.ts';

describe('the contents of the VSIX', () => {
  it('may not hold sources, tests, maps, fp32 weights or other platforms', () => {
    const strays = [
      'src/extension.ts',
      'test/unit/a.test.ts',
      'dist/extension.cjs.map',
      'model/onnx/model_fp32.onnx_data',
      'model/onnx/model_gqa_fp32.onnx',
      'dist/node_modules/onnxruntime-node/bin/napi-v6/darwin/arm64/onnxruntime_binding.node',
      '.cache/base/a.gguf',
    ];
    const problems = problemsWith(strays).filter((problem) => problem.startsWith('unexpected'));
    assert.deepEqual(
      problems,
      strays.map((path) => `unexpected: ${path}`),
    );
  });

  it('must hold the bundles, the runtime and the model', () => {
    const problems = problemsWith([]);
    for (const file of [
      'dist/worker.mjs',
      'model/onnx/model_int8.onnx_data',
      'model/onnx/model_gqa_int8.onnx',
      'LICENSE',
    ]) {
      assert.ok(problems.includes(`missing: ${file}`));
    }
  });
});

describe('the model in the VSIX', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'anchorage-vsix-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('is the package with int8 only, and a manifest and checksums that fit', async () => {
    const source = join(folder, 'source');
    const target = join(folder, 'target');
    await mkdir(join(source, 'onnx'), { recursive: true });
    const paths = [
      'config.json',
      ...['fp32', 'int8', 'int4'].flatMap((each) => [
        `onnx/model_${each}.onnx`,
        `onnx/model_${each}.onnx_data`,
        `onnx/model_gqa_${each}.onnx`,
      ]),
    ];
    const files = await Promise.all(
      paths.map(async (path) => {
        await writeFile(join(source, path), path);
        return { path, bytes: path.length, sha256: sha256(path) };
      }),
    );
    const manifest = {
      format_version: 1,
      name: 'tiny',
      created_by: 'test',
      variants: ['fp32', 'int8', 'int4'],
      extra: 'kept',
      files,
    };
    await writeFile(join(source, 'anchorage_package.json'), JSON.stringify(manifest));

    await stageModel(source, target);

    const shipped: unknown = JSON.parse(await readFile(join(target, 'anchorage_package.json'), 'utf8'));
    const left = ['config.json', 'onnx/model_int8.onnx', 'onnx/model_int8.onnx_data', 'onnx/model_gqa_int8.onnx'];
    assert.deepEqual(shipped, {
      ...manifest,
      variants: ['int8'],
      files: files.filter(({ path }) => left.includes(path)),
    });
    assert.deepEqual((await readdir(join(target, 'onnx'))).sort(), [
      'model_gqa_int8.onnx',
      'model_int8.onnx',
      'model_int8.onnx_data',
    ]);
    for (const line of (await readFile(join(target, 'SHA256SUMS'), 'utf8')).trim().split('\n')) {
      const [sum, path = ''] = line.split('  ');
      assert.equal(sha256(await readFile(join(target, path), 'utf8')), sum);
    }
  });
});

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
