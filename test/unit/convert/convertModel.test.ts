import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { convertModel, type ConvertOptions } from '../../../src/convert/convertModel.ts';
import { anchorConfigSchema } from '../../../src/protocol/anchorConfig.ts';
import { decoderConfigSchema } from '../../../src/protocol/decoderConfig.ts';
import { AnchorageError } from '../../../src/protocol/errors.ts';
import { packageFormatVersion, packageManifestSchema } from '../../../src/protocol/packageManifest.ts';
import { writeAdapter } from './adapterWriter.ts';
import { tinyGguf } from './ggufWriter.ts';
import { temporaryFolder } from './temporaryFolder.ts';
import { safetensorsBytes, tinyDecoder, writeHuggingFaceFolder } from './tinyDecoder.ts';

const decoder = tinyDecoder();

describe('convertModel', function () {
  this.timeout(20_000);
  const folder = temporaryFolder();
  const output = () => join(folder(), 'packages', 'tiny');

  function options(changes: Partial<ConvertOptions> = {}): ConvertOptions {
    const source = join(folder(), 'tiny.gguf');
    if (!existsSync(source)) writeFileSync(source, tinyGguf(decoder));
    return {
      source,
      adapterFolder: null,
      outputFolder: output(),
      variants: ['int8', 'int4'],
      name: 'tiny',
      ...changes,
    };
  }

  function readPackageJson<T>(name: string, schema: z.ZodType<T>): T {
    return schema.parse(JSON.parse(readFileSync(join(output(), name), 'utf8')));
  }

  it('writes a package whose manifest and checksums are true', async () => {
    const { reports, unchanged } = await convertModel(options());
    assert.equal(unchanged, false);
    assert.deepEqual(
      reports.map(({ variant }) => variant),
      ['fp32', 'int8', 'int4'],
    );
    const manifest = readPackageJson('anchorage_package.json', packageManifestSchema);
    assert.deepEqual(manifest.variants, ['int8', 'int4']);
    for (const { path, bytes, sha256 } of manifest.files) {
      const content = readFileSync(join(output(), path));
      assert.equal(content.length, bytes);
      assert.equal(createHash('sha256').update(content).digest('hex'), sha256);
    }
    const sums = readFileSync(join(output(), 'SHA256SUMS'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => line.split('  ')[1]);
    assert.deepEqual(sums, [...manifest.files.map(({ path }) => path), 'anchorage_package.json']);
    assert.deepEqual(readdirSync(join(output(), 'onnx')).sort(), [
      ...['allocate', 'keep', 'read', 'resize', 'scores', 'write'].map((name) => `device_${name}.onnx`),
      'model_gqa_int4.onnx',
      'model_gqa_int8.onnx',
      'model_int4.onnx',
      'model_int4.onnx_data',
      'model_int8.onnx',
      'model_int8.onnx_data',
    ]);
    assert.deepEqual(readdirSync(join(folder(), 'packages')), ['tiny'], 'something temporary was left');
  });

  it('verifies a decoder whose window is shorter than the text of the comparison', async () => {
    const source = join(folder(), 'short.gguf');
    writeFileSync(source, tinyGguf(tinyDecoder({ max_position_embeddings: 24 })));
    const { reports } = await convertModel(options({ source }));
    assert.deepEqual(
      reports.map(({ positions }) => positions),
      [24, 24, 24],
    );
    assert.equal(readPackageJson('anchor_config.json', anchorConfigSchema).max_sequence_tokens, 24);
  });

  it('describes the decoder and its anchors: select without an adapter', async () => {
    await convertModel(options());
    const config = readPackageJson('config.json', decoderConfigSchema);
    assert.equal(config.num_key_value_heads, 2);
    assert.equal(config.rms_norm_eps, 1e-5);
    const anchors = readPackageJson('anchor_config.json', anchorConfigSchema);
    assert.equal(anchors.scheme, 'select');
    assert.equal(anchors.adapter, null);
    assert.equal(anchors.base.sha256, createHash('sha256').update(tinyGguf(decoder)).digest('hex'));
    const generation = readPackageJson('generation_config.json', z.object({ eos_token_id: z.array(z.int()) }));
    assert.deepEqual(generation.eos_token_id, [2, 0]);
  });

  it("keeps an adapter's declaration, and warns when it was trained on another file", async () => {
    const adapterFolder = join(folder(), 'adapter');
    writeAdapter(adapterFolder, decoder);
    const { warnings } = await convertModel(options({ adapterFolder }));
    assert.match(warnings.join(), /another file of tiny/);
    const anchors = readPackageJson('anchor_config.json', anchorConfigSchema);
    assert.equal(anchors.scheme, 'mark');
    const weights = readFileSync(join(adapterFolder, 'adapter_model.safetensors'));
    assert.equal(anchors.adapter?.sha256, createHash('sha256').update(weights).digest('hex'));
  });

  it('leaves a package that was built from the same inputs, and replaces one from others', async () => {
    await convertModel(options());
    const built = statSync(join(output(), 'anchorage_package.json')).mtimeMs;
    assert.equal((await convertModel(options())).unchanged, true);
    assert.equal(statSync(join(output(), 'anchorage_package.json')).mtimeMs, built);
    assert.equal((await convertModel(options({ variants: ['int4'] }))).unchanged, false);
    assert.deepEqual(readPackageJson('anchorage_package.json', packageManifestSchema).variants, ['int4']);
    writeFileSync(join(output(), 'config.json'), '');
    assert.equal((await convertModel(options({ variants: ['int4'] }))).unchanged, false);
  });

  it('builds again where that is asked for, or where the package is of another format', async () => {
    await convertModel(options());
    assert.equal((await convertModel(options({ rebuild: true }))).unchanged, false);
    const path = join(output(), 'anchorage_package.json');
    writeFileSync(
      path,
      readFileSync(path, 'utf8').replace(`"format_version": ${packageFormatVersion}`, '"format_version": 0'),
    );
    assert.equal((await convertModel(options())).unchanged, false);
  });

  it('refuses eight bits for a decoder whose rows are no whole blocks, and gives it in fp32', async () => {
    const source = join(folder(), 'narrow.gguf');
    writeFileSync(source, tinyGguf(tinyDecoder({ hidden_size: 40, head_dim: 10 })));
    await assert.rejects(
      convertModel(options({ source })),
      (error) => AnchorageError.is(error, 'unsupported') && /hidden_size of 40.*int8/.test(error.message),
    );
    const { reports } = await convertModel(options({ source, variants: ['fp32'] }));
    assert.equal(reports.length, 1);
  });

  it('refuses a name that the package could not be loaded by, before any work', async () => {
    const converting = convertModel(options({ source: 'nowhere', name: 'My Model (Q8)' }));
    await assert.rejects(converting, (error) => AnchorageError.is(error, 'invalidInput'));
  });

  it('leaves nothing behind when it is stopped', async () => {
    const controller = new AbortController();
    const converting = convertModel(
      options({
        signal: controller.signal,
        onProgress: ({ phase, variant }) => {
          if (phase === 'build' && variant === 'int8') controller.abort();
        },
      }),
    );
    await assert.rejects(converting, (error) => AnchorageError.is(error, 'cancelled'));
    assert.deepEqual(readdirSync(join(folder(), 'packages')), []);
  });

  it('removes what a killed conversion left behind, and nothing else', async () => {
    const packages = join(folder(), 'packages');
    // No process has this number: they end at 2^22 on Linux, and below that elsewhere.
    const abandoned = join(packages, '.tiny.99999999.partial');
    mkdirSync(join(abandoned, 'onnx'), { recursive: true });
    mkdirSync(join(packages, '.other.99999999.partial'));
    await convertModel(options());
    assert.deepEqual(readdirSync(packages).sort(), ['.other.99999999.partial', 'tiny']);
  });

  it('puts back a package that a killed conversion was about to replace', async () => {
    await convertModel(options());
    renameSync(output(), join(folder(), 'packages', '.tiny.99999999.partial.old'));
    const stopped = convertModel(options({ rebuild: true, signal: AbortSignal.abort() }));
    await assert.rejects(stopped, (error) => AnchorageError.is(error, 'cancelled'));
    assert.deepEqual(readdirSync(join(folder(), 'packages')), ['tiny']);
    assert.equal((await convertModel(options())).unchanged, true);
  });

  it('reports progress that only grows within a phase', async () => {
    const seen: string[] = [];
    let last = { phase: '', done: -1 };
    await convertModel(
      options({
        onProgress({ phase, done, total }) {
          if (phase !== last.phase) seen.push(phase);
          else assert.ok(done >= last.done && done <= total);
          last = { phase, done };
        },
      }),
    );
    assert.deepEqual(seen, ['read', 'build', 'verify', 'write']);
  });

  it('refuses to write over something that is not a package', async () => {
    mkdirSync(output(), { recursive: true });
    writeFileSync(join(output(), 'thesis.txt'), 'irreplaceable');
    await assert.rejects(convertModel(options()), (error) => AnchorageError.is(error, 'invalidInput'));
    assert.deepEqual(readdirSync(output()), ['thesis.txt']);
  });

  it('says when the folder cannot be written', async () => {
    writeFileSync(join(folder(), 'packages'), 'a file stands where the folder should be');
    await assert.rejects(convertModel(options()), (error) => AnchorageError.is(error, 'storageUnavailable'));
  });

  it('names a source that does not exist', async () => {
    const source = join(folder(), 'absent.gguf');
    await assert.rejects(
      convertModel(options({ source })),
      (error) => AnchorageError.is(error, 'fileUnreadable') && error.message.includes(source),
    );
  });

  it('refuses a decoder with a missing, misshapen or unknown tensor, naming it', async () => {
    const changes: [
      string,
      (tensors: Map<string, Float32Array>, shapes: Map<string, readonly number[]>) => void,
      RegExp,
    ][] = [
      ['missing', (tensors) => tensors.delete('model.norm.weight'), /model\.norm\.weight is missing/],
      [
        'misshapen',
        (_, shapes) => shapes.set('model.layers.0.self_attn.q_proj.weight', [32, 128]),
        /q_proj\.weight is 32 x 128/,
      ],
      ['unknown', (tensors) => tensors.set('model.layers.0.mlp.router.weight', new Float32Array(4)), /router\.weight/],
    ];
    for (const [name, change, message] of changes) {
      const tensors = new Map(decoder.tensors);
      const shapes = new Map(decoder.shapes);
      change(tensors, shapes);
      const source = join(folder(), name);
      mkdirSync(source);
      writeHuggingFaceFolder(source, decoder);
      writeFileSync(join(source, 'model.safetensors'), safetensorsBytes(tensors, shapes));
      await assert.rejects(
        convertModel(options({ source })),
        (error) => AnchorageError.is(error) && message.test(error.message),
        name,
      );
    }
  });

  it('reads a decoder that is spread over several files', async () => {
    const source = join(folder(), 'sharded');
    mkdirSync(source);
    writeHuggingFaceFolder(source, decoder);
    await convertModel(options({ source, variants: ['fp32'] }));
    const whole = readFileSync(join(output(), 'onnx', 'model_fp32.onnx_data'));
    const names = [...decoder.tensors.keys()];
    const weightMap: Record<string, string> = {};
    for (const [index, file] of ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'].entries()) {
      const part = new Map([...decoder.tensors].filter((_, i) => (i < names.length / 2 ? 0 : 1) === index));
      for (const name of part.keys()) weightMap[name] = file;
      writeFileSync(join(source, file), safetensorsBytes(part, decoder.shapes));
    }
    writeFileSync(join(source, 'model.safetensors.index.json'), JSON.stringify({ weight_map: weightMap }));
    assert.equal((await convertModel(options({ source, variants: ['fp32'] }))).unchanged, false);
    assert.ok(readFileSync(join(output(), 'onnx', 'model_fp32.onnx_data')).equals(whole));
    writeFileSync(
      join(source, 'model.safetensors.index.json'),
      JSON.stringify({ weight_map: { a: '../../outside.safetensors' } }),
    );
    await assert.rejects(convertModel(options({ source })), (error) => AnchorageError.is(error, 'fileInvalid'));
  });
});
