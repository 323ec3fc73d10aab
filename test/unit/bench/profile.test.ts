import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { partFor, readTrace, sumByPart, type TracedOperator } from '../../bench/profileTrace.ts';
import { tinyModel } from '../engine/tinyModel.ts';

const { config } = tinyModel({});
const qkvRows = (config.num_attention_heads + 2 * config.num_key_value_heads) * config.head_dim;

function node(op_name: string, dur: number, ...shapes: number[][]): object {
  const input_type_shape = shapes.map((shape) => ({ float: shape }));
  return { cat: 'Node', name: `${op_name}_1_kernel_time`, dur, args: { op_name, input_type_shape } };
}
const run = { cat: 'Session', name: 'model_run', dur: 1 };

function operator(name: string, ...shapes: number[][]): TracedOperator {
  return { operator: name, shapes, microseconds: 1 };
}

describe('a profile', () => {
  it('counts the last runs of a trace, and nothing of those that warmed up', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'trace-'));
    try {
      const file = join(folder, 'trace.json');
      const fence = { cat: 'Node', name: 'Softmax_1_fence_before', dur: 5000 };
      const once = [node('Softmax', 10, [1, 2]), fence, node('Reshape', 4, [1, 2]), run];
      await writeFile(file, JSON.stringify([node('Softmax', 9000, [1, 2]), run, ...once, ...once]));
      const parts = sumByPart(await readTrace(file, 2), config, 7, 2);
      assert.deepEqual(parts, [
        { part: 'softmax', ms: 0.01, operators: 1 },
        { part: 'copies and shapes', ms: 0.004, operators: 1 },
      ]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('knows products by their shapes, quantised or not', () => {
    const hidden = config.hidden_size;
    const quantised = (outputs: number, inputs: number): TracedOperator =>
      operator('MatMulNBits', [1, 1, inputs], [outputs, 2, 32]);
    assert.equal(partFor(quantised(config.vocab_size, hidden), config, 7), 'output layer');
    assert.equal(partFor(quantised(2 * config.intermediate_size, hidden), config, 7), 'gate and up');
    assert.equal(partFor(quantised(hidden, config.intermediate_size), config, 7), 'down');
    assert.equal(partFor(quantised(qkvRows, hidden), config, 7), 'queries, keys, values');
    const single = operator('FusedMatMul', [1, 1, hidden], [config.vocab_size, hidden]);
    assert.equal(partFor(single, config, 7), 'output layer');
    const keys = (rows: number): TracedOperator => operator('FusedMatMul', [3, 3, 64], [rows, 3, 64]);
    assert.equal(partFor(keys(7), config, 7), 'attention over the past');
    assert.equal(partFor(keys(2), config, 7), 'attention over the new tokens');
    assert.equal(partFor(operator('GatherBlockQuantized'), config, 7), 'embedding and the rest');
  });
});
