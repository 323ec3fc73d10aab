import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { AnchorageError, type ErrorReason } from '../../../src/protocol/errors.ts';
import { Decoder, type DecoderOptions } from '../../../src/engine/decoder.ts';
import { suggestedGroupTokens } from '../../../src/engine/groupTokens.ts';
import type { ModelPackage } from '../../../src/engine/modelPackage.ts';
import { physicalCores } from '../../../src/engine/onnxRuntime.ts';
import { openTinyDecoder } from './tinyDecoder.ts';

const engine = new URL('../../../src/engine/', import.meta.url);

async function assertRefused(
  pkg: ModelPackage,
  reason: ErrorReason,
  words: RegExp,
  variant: DecoderOptions['variant'] = 'fp32',
): Promise<void> {
  const opening = Decoder.create(pkg, { variant, threads: 1 });
  await assert.rejects(opening, (error: unknown) => {
    assert.ok(AnchorageError.is(error, reason), String(error));
    assert.match(error.message, words);
    return true;
  });
}

/** The environment as it is before anything has switched telemetry off. */
function withoutSetting(): NodeJS.ProcessEnv {
  const environment = { ...process.env };
  delete environment['ORT_DISABLE_TELEMETRY'];
  return environment;
}

describe('decoder', function () {
  this.timeout(30_000);
  let pkg: ModelPackage;
  let folder: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'decoder-'));
    pkg = (await openTinyDecoder({})).decoder.package;
  });

  after(() => rm(folder, { recursive: true, force: true }));

  it('names the variants that a package has when it lacks one', async () => {
    await assertRefused(pkg, 'unsupported', /no int4 variant, only fp32/, 'int4');
  });

  it('names the graph and the tensor that do not fit the config', async () => {
    const { config, anchors } = pkg;
    await assertRefused(
      { ...pkg, config: { ...config, num_hidden_layers: 3 } },
      'fileInvalid',
      /model_fp32\.onnx.*past_key\.2/,
    );
    await assertRefused({ ...pkg, config: { ...config, head_dim: 16 } }, 'fileInvalid', /past_key\.0.*\[\*, 2, 16\]/);
    await assertRefused({ ...pkg, config: { ...config, vocab_size: 5 } }, 'fileInvalid', /output logits/);
    await assertRefused(
      { ...pkg, anchors: { ...anchors, scheme: 'select' } },
      'fileInvalid',
      /unknown input anchor_mark/,
    );
  });

  it('names a graph that is damaged, and weights that are altered or missing', async () => {
    await cp(pkg.folder, folder, { recursive: true });
    const graph = join(folder, 'onnx', 'model_fp32.onnx');
    const bytes = await readFile(graph);
    await writeFile(graph, bytes.subarray(0, bytes.length >> 1));
    await assertRefused({ ...pkg, folder }, 'fileAltered', /model_fp32\.onnx is truncated/);
    await assertRefused({ ...pkg, folder, files: [] }, 'fileInvalid', /model_fp32\.onnx cannot be loaded/);
    await writeFile(graph, bytes);
    const weights = join(folder, 'onnx', 'model_fp32.onnx_data');
    const numbers = await readFile(weights);
    numbers[numbers.length >> 1] = (numbers[numbers.length >> 1] ?? 0) ^ 1;
    await writeFile(weights, numbers);
    await assertRefused({ ...pkg, folder }, 'fileAltered', /model_fp32\.onnx_data is altered/);
    await rm(weights);
    await assertRefused({ ...pkg, folder }, 'fileUnreadable', /model_fp32\.onnx_data is missing/);
  });

  it('reads in smaller groups where a run would take longer', () => {
    const smol = {
      hidden_size: 576,
      num_hidden_layers: 30,
      num_attention_heads: 9,
      num_key_value_heads: 3,
      head_dim: 64,
      intermediate_size: 1536,
    };
    const large = {
      hidden_size: 2048,
      num_hidden_layers: 24,
      num_attention_heads: 32,
      num_key_value_heads: 8,
      head_dim: 64,
      intermediate_size: 8192,
    };
    assert.equal(suggestedGroupTokens({ ...pkg.config, ...smol }, 'int4'), 128);
    assert.equal(suggestedGroupTokens({ ...pkg.config, ...smol }, 'int8'), 64);
    assert.equal(suggestedGroupTokens({ ...pkg.config, ...large }, 'int4'), 16);
  });

  it('uses at least one core', () => {
    assert.ok(physicalCores() >= 1);
  });

  it('leaves no trace of telemetry in the home folder', async () => {
    const script = `
      import { Decoder } from '${new URL('decoder.ts', engine).href}';
      import { loadPackage } from '${new URL('modelPackage.ts', engine).href}';
      const decoder = await Decoder.create(await loadPackage(${JSON.stringify(pkg.folder)}), { variant: 'fp32', threads: 1 });
      await decoder.dispose();`;
    const env = { ...withoutSetting(), HOME: folder, XDG_CACHE_HOME: join(folder, '.cache') };
    await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], { env });
    assert.equal(existsSync(join(folder, '.cache', 'Microsoft')), false);
  });

  it('refuses to start in a thread that cannot switch telemetry off', async () => {
    const script = `
      import { parentPort } from 'node:worker_threads';
      import { loadOnnxRuntime } from '${new URL('onnxRuntime.ts', engine).href}';
      loadOnnxRuntime().then(() => 'loaded', (error) => error.reason).then((text) => parentPort.postMessage(text));`;
    const url = new URL(`data:text/javascript,${encodeURIComponent(script)}`);
    const worker = new Worker(url, { env: withoutSetting() });
    const answer = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
    await worker.terminate();
    assert.equal(answer, 'internal');
  });
});
