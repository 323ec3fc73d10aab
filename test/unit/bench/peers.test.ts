import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { dequantise } from '../../../src/convert/dequantise.ts';
import { ExternalData } from '../../../src/convert/externalData.ts';
import { GgufSource } from '../../../src/convert/ggufSource.ts';
import { GraphBuilder } from '../../../src/convert/graphBuilder.ts';
import { MergedWeights } from '../../../src/convert/mergedWeights.ts';
import { encodeModel } from '../../../src/convert/onnxModel.ts';
import { variantFormats } from '../../../src/convert/decoderGraph.ts';
import { loadOnnxRuntime } from '../../../src/engine/onnxRuntime.ts';
import { encodeBlocks } from '../../bench/peers/ggufBlocks.ts';
import { writeMergedGguf } from '../../bench/peers/mergedGguf.ts';
import { llamaBuild, neededPackages } from '../../bench/peers/neededPackages.ts';
import { buildStandardGraph } from '../../bench/peers/standardGraph.ts';
import { tinyGguf } from '../convert/ggufWriter.ts';
import { runReference } from '../convert/referenceDecoder.ts';
import { temporaryFolder } from '../convert/temporaryFolder.ts';
import { randomNumbers, tinyDecoder } from '../convert/tinyDecoder.ts';

describe("the peers' weights", () => {
  const folder = temporaryFolder();

  it('are rounded to a step of their block at most', () => {
    const random = randomNumbers(5);
    const values = Float32Array.from({ length: 256 }, () => random());
    for (const [type, steps] of [
      ['Q8_0', 254],
      ['Q4_1', 15],
    ] as const) {
      const read = dequantise(type, encodeBlocks(values, type));
      for (let start = 0; start < values.length; start += 32) {
        const block = values.subarray(start, start + 32);
        const range = type === 'Q8_0' ? 2 * Math.max(...block.map(Math.abs)) : Math.max(...block) - Math.min(...block);
        // Half a step, and the scale's own rounding to half precision.
        const most = range * (0.5 / steps + 2 ** -10);
        block.forEach((value, i) => assert.ok(Math.abs(value - (read[start + i] ?? NaN)) <= most, `${type} ${i}`));
      }
    }
  });

  it('are the decoder again when its GGUF file is written anew', async () => {
    const base = join(folder(), 'base.gguf');
    const written = join(folder(), 'written.gguf');
    writeFileSync(base, tinyGguf(tinyDecoder()));
    const source = new GgufSource(base);
    await writeMergedGguf(written, base, new MergedWeights(source, source.config, null), 'F32');
    const again = new GgufSource(written);
    assert.deepEqual(again.config, source.config);
    assert.deepEqual(again.tokenizerFiles(), source.tokenizerFiles());
    assert.deepEqual([...again.shapes], [...source.shapes]);
    for (const name of source.shapes.keys()) assert.deepEqual(again.read(name), source.read(name), name);
    source.close();
    again.close();
  });

  it('give the logits of the decoder in a graph of the standard layout, with a past and without', async () => {
    const decoder = tinyDecoder();
    const base = join(folder(), 'base.gguf');
    writeFileSync(base, tinyGguf(decoder));
    const source = new GgufSource(base);
    mkdirSync(join(folder(), 'onnx'));
    const data = new ExternalData(join(folder(), 'onnx'), 'model.onnx_data');
    const weights = new MergedWeights(source, source.config, null);
    const model = buildStandardGraph(new GraphBuilder('decoder', data), weights, variantFormats.fp32);
    data.close();
    source.close();
    const path = join(folder(), 'onnx', 'model.onnx');
    writeFileSync(path, encodeModel(model));

    const { InferenceSession, Tensor } = await loadOnnxRuntime();
    const session = await InferenceSession.create(path, { executionProviders: ['cpu'] });
    const { num_key_value_heads: kvHeads, head_dim: width, num_hidden_layers: layers, vocab_size } = decoder.config;
    const ids = [5, 17, 40, 8, 99, 23, 61];
    const int64 = (values: readonly number[]): InstanceType<typeof Tensor> =>
      new Tensor('int64', BigInt64Array.from(values, BigInt), [1, values.length]);
    const kinds = ['key', 'value'] as const;
    const names = Array.from({ length: layers }, (_, layer) => kinds.map((kind) => `${layer}.${kind}`)).flat();
    let past: Record<string, InstanceType<typeof Tensor>> = Object.fromEntries(
      names.map((name) => [
        `past_key_values.${name}`,
        new Tensor('float32', new Float32Array(0), [1, kvHeads, 0, width]),
      ]),
    );
    const found: number[] = [];
    for (const [from, to] of [
      [0, 4],
      [4, 7],
    ] as const) {
      const results = await session.run({
        ...past,
        input_ids: int64(ids.slice(from, to)),
        position_ids: int64(ids.map((_, i) => i).slice(from, to)),
        attention_mask: int64(ids.slice(0, to).map(() => 1)),
        num_logits_to_keep: new Tensor('int64', BigInt64Array.of(0n), []),
      });
      const { logits } = results;
      assert.ok(logits !== undefined && logits.data instanceof Float32Array);
      assert.deepEqual(logits.dims, [1, to - from, vocab_size]);
      found.push(...logits.data);
      past = Object.fromEntries(
        names.map((name) => {
          const present = results[`present.${name}`];
          assert.ok(present !== undefined && 'data' in present);
          return [`past_key_values.${name}`, present];
        }),
      );
    }
    await session.release();
    const expected = runReference(decoder, ids).logits.flatMap((row) => [...row]);
    const difference = Math.max(...expected.map((logit, i) => Math.abs(logit - (found[i] ?? NaN))));
    assert.ok(difference < 1e-4, `largest difference ${difference}`);
  });
});

describe("the peers' packages", () => {
  it('are locked without what this machine does not need', () => {
    const entry = (version: string, dependencies?: Record<string, string>) => ({
      version,
      ...(dependencies && { dependencies }),
    });
    const builds = { [llamaBuild]: '1.0.0', '@node-llama-cpp/linux-x64-cuda': '1.0.0' };
    const lock = {
      packages: {
        'node_modules/node-llama-cpp': { version: '1.0.0', optionalDependencies: builds },
        [`node_modules/${llamaBuild}`]: entry('1.0.0'),
        'node_modules/@node-llama-cpp/linux-x64-cuda': entry('1.0.0'),
        'node_modules/transformers': entry('4.0.0', { 'onnxruntime-node': '1.1.0', 'onnxruntime-web': '1.1.0' }),
        'node_modules/onnxruntime-node': entry('1.1.0'),
        'node_modules/onnxruntime-web': entry('1.1.0'),
        'node_modules/onnxruntime-web/node_modules/long': entry('1.0.0'),
      },
    };
    const own = (version: string) => ({ packages: { 'node_modules/onnxruntime-node': entry(version) } });
    const shared = neededPackages(lock, own('1.1.0'));
    assert.deepEqual(Object.keys(shared.packages), [
      'node_modules/node-llama-cpp',
      `node_modules/${llamaBuild}`,
      'node_modules/transformers',
    ]);
    assert.deepEqual(shared.packages['node_modules/node-llama-cpp']?.optionalDependencies, { [llamaBuild]: '1.0.0' });
    assert.deepEqual(shared.packages['node_modules/transformers']?.dependencies, {});
    const apart = neededPackages(lock, own('1.2.0'));
    assert.deepEqual(apart.packages['node_modules/transformers']?.dependencies, { 'onnxruntime-node': '1.1.0' });
  });
});
