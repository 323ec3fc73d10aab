import assert from 'node:assert/strict';
import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { InferenceSession } from 'onnxruntime-node';
import { convertModel } from '../../../src/convert/convertModel.ts';
import type { DecoderConfig } from '../../../src/protocol/decoderConfig.ts';
import { tinyGguf } from './ggufWriter.ts';
import { runReference } from './referenceDecoder.ts';
import { SplitGraph } from './splitGraph.ts';
import { temporaryFolder } from './temporaryFolder.ts';
import { tinyDecoder } from './tinyDecoder.ts';

process.env['ORT_DISABLE_TELEMETRY'] = '1';
const { InferenceSession: Sessions, Tensor } = await import('onnxruntime-node');

const ids = [70, 12, 33, 200, 5, 9, 9, 101, 44, 17, 3, 150];
const capacity = 16;

type Feeds = Record<string, InstanceType<typeof Tensor>>;

function int64(values: readonly number[], shape: readonly number[]): InstanceType<typeof Tensor> {
  return new Tensor('int64', BigInt64Array.from(values, BigInt), shape);
}

function buffers(config: DecoderConfig): InstanceType<typeof Tensor>[] {
  const { num_hidden_layers: layers, num_key_value_heads: kvHeads, head_dim: headDim } = config;
  const shape = [1, kvHeads, capacity, headDim];
  return Array.from({ length: 2 * layers }, () => {
    return new Tensor('float32', new Float32Array(kvHeads * capacity * headDim), shape);
  });
}

/** Reads tokens causally behind `past` rows; on the CPU, buffers come back as copies. */
async function run(
  session: InferenceSession,
  tokens: readonly number[],
  past: number,
  rows: readonly InstanceType<typeof Tensor>[],
): Promise<{ logits: Float32Array; rows: InstanceType<typeof Tensor>[] }> {
  const count = tokens.length;
  const total = past + count;
  const bias = Float32Array.from({ length: count * total }, (_, i) => {
    return (i % total) - past <= Math.floor(i / total) ? 0 : -1e9;
  });
  const positions = tokens.map((_, i) => past + i);
  const feeds: Feeds = {
    input_ids: int64(tokens, [1, count]),
    position_ids: int64(positions, [1, count]),
    attention_bias: new Tensor('float32', bias, [1, 1, count, total]),
    logit_indices: int64([...tokens.keys()], [count]),
    last_row: new Tensor('int32', Int32Array.of(total - 1), [1]),
    total_rows: new Tensor('int32', Int32Array.of(total), [1]),
  };
  rows.forEach((each, block) => {
    feeds[`past_${block % 2 === 0 ? 'key' : 'value'}.${block >> 1}`] = each;
  });
  const results = await session.run(feeds);
  const present = rows.map((_, block) => results[`present_${block % 2 === 0 ? 'key' : 'value'}.${block >> 1}`]);
  return { logits: floats(results['logits']), rows: present.map((each) => asTensor(each)) };
}

function asTensor(value: unknown): InstanceType<typeof Tensor> {
  assert.ok(value instanceof Tensor);
  return value;
}

function floats(value: unknown): Float32Array {
  const { data } = asTensor(value);
  assert.ok(data instanceof Float32Array);
  return data;
}

function assertClose(found: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number): void {
  assert.equal(found.length, expected.length);
  const most = Array.from(found).reduce((sum, value, i) => Math.max(sum, Math.abs(value - (expected[i] ?? NaN))), 0);
  assert.ok(most <= tolerance, `they differ by ${most}`);
}

describe('the graphs for devices', function () {
  this.timeout(20_000);
  const folder = temporaryFolder();

  async function convert(overrides: Partial<DecoderConfig>, architecture: string): Promise<string> {
    const source = join(folder(), 'tiny.gguf');
    writeFileSync(source, tinyGguf(tinyDecoder(overrides), architecture));
    const outputFolder = join(folder(), 'package');
    const variants = ['fp32', 'int8', 'int4'] as const;
    await convertModel({ source, adapterFolder: null, outputFolder, variants, name: 'tiny' });
    return join(outputFolder, 'onnx');
  }

  const families: [string, Partial<DecoderConfig>, string][] = [
    ['Llama', {}, 'llama'],
    ['Llama with an output layer of its own', { tie_word_embeddings: false }, 'llama'],
    ['Llama whose heads share no keys', { num_key_value_heads: 4 }, 'llama'],
    ['Qwen2 with biases', { model_type: 'qwen2', attention_bias: true }, 'qwen2'],
    ['Qwen3 with norms of queries and keys', { model_type: 'qwen3' }, 'qwen3'],
  ];
  for (const [name, overrides, architecture] of families) {
    it(`give the reference's logits for ${name}, read whole and in two parts`, async () => {
      const decoder = tinyDecoder(overrides);
      const session = await Sessions.create(join(await convert(overrides, architecture), 'model_gqa_fp32.onnx'));
      const expected = runReference(decoder, ids).logits.flatMap((row) => [...row]);
      const whole = await run(session, ids, 0, buffers(decoder.config));
      assertClose(whole.logits, expected, 2e-4);
      const first = await run(session, ids.slice(0, 5), 0, buffers(decoder.config));
      const second = await run(session, ids.slice(5), 5, first.rows);
      assertClose(second.logits, expected.slice(5 * (expected.length / ids.length)), 2e-4);
      await session.release();
    });
  }

  it('share every weight with the graphs for the CPU, and hold next to nothing themselves', async () => {
    const onnx = await convert({}, 'llama');
    for (const variant of ['fp32', 'int8', 'int4']) {
      assert.ok(statSync(join(onnx, `model_gqa_${variant}.onnx`)).size < 60_000);
    }
    assert.deepEqual(
      readdirSync(onnx).filter((name) => name.endsWith('_data')),
      ['model_fp32.onnx_data', 'model_int4.onnx_data', 'model_int8.onnx_data'],
    );
    // Tensors start on pages of 4 KiB: one that only the device's graph has would add a page at least.
    const shared = statSync(join(onnx, 'model_fp32.onnx_data')).size;
    const { config, tensors } = tinyDecoder();
    const pages = [...tensors.values()].reduce((sum, { byteLength }) => sum + Math.ceil(byteLength / 4096), 0);
    const tables = 2 * Math.ceil((config.max_position_embeddings * config.head_dim * 2) / 4096);
    assert.ok(shared <= (pages + tables) * 4096, `${shared} bytes for ${pages + tables} pages`);
  });

  it('give the attention that every key receives, as the graph for the CPU does', async () => {
    const { config } = tinyDecoder();
    const onnx = await convert({}, 'llama');
    const split = await SplitGraph.open(join(onnx, 'model_fp32.onnx'), config);
    const expected = await split.run(ids, { scores: true });
    await split.close();
    const session = await Sessions.create(join(onnx, 'model_gqa_fp32.onnx'));
    const count = ids.length;
    const bias = Float32Array.from({ length: count * count }, (_, i) =>
      i % count <= Math.floor(i / count) ? 0 : -1e9,
    );
    const attentionBias = new Tensor('float32', bias, [1, 1, count, count]);
    const feeds: Feeds = {
      input_ids: int64(ids, [1, count]),
      position_ids: int64([...ids.keys()], [1, count]),
      attention_bias: attentionBias,
      logit_indices: int64([0], [1]),
      last_row: new Tensor('int32', Int32Array.of(count - 1), [1]),
      total_rows: new Tensor('int32', Int32Array.of(count), [1]),
    };
    const rows = buffers(config);
    rows.forEach((each, block) => (feeds[`past_${block % 2 === 0 ? 'key' : 'value'}.${block >> 1}`] = each));
    const results = await session.run(feeds);
    await session.release();
    const scores = await Sessions.create(join(onnx, 'device_scores.onnx'));
    const asked: Feeds = { seen: int64([...ids.keys()], [count]), attention_bias: attentionBias };
    for (let layer = 0; layer < config.num_hidden_layers; layer++) {
      asked[`query.${layer}`] = asTensor(results[`query.${layer}`]);
      asked[`key.${layer}`] = asTensor(results[`present_key.${layer}`]);
    }
    const found = (await scores.run(asked))['attention_scores'];
    await scores.release();
    assert.deepEqual(found?.dims, [config.num_hidden_layers, config.num_attention_heads, count]);
    // The graph for the CPU has a row of zeros in front, which stands for an empty past, and its heads in another order.
    const perHead = (values: Float32Array, width: number, skip: number): number[] => {
      const sums = new Float64Array(width - skip);
      values.forEach((value, i) => {
        const at = (i % width) - skip;
        if (at >= 0) sums[at] = (sums[at] ?? 0) + value;
      });
      return [...sums];
    };
    assertClose(perHead(floats(found), count, 0), perHead(expected.scores, count + 1, 1), 1e-4);
  });
});
