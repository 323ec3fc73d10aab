import assert from 'node:assert/strict';
import { addMoments } from '../../../src/convert/calibration.ts';
import { calibrationTexts } from '../../../src/convert/calibrationTexts.ts';
import { ExternalData } from '../../../src/convert/externalData.ts';
import { GraphBuilder } from '../../../src/convert/graphBuilder.ts';
import type { ProductInput } from '../../../src/convert/layerProducts.ts';
import { encodeModel } from '../../../src/convert/onnxModel.ts';
import { heldoutTexts } from '../../bench/heldout.ts';
import { temporaryFolder } from './temporaryFolder.ts';
import { randomNumbers } from './tinyDecoder.ts';

process.env['ORT_DISABLE_TELEMETRY'] = '1';
const { InferenceSession, Tensor } = await import('onnxruntime-node');

describe('calibration', function () {
  this.timeout(20_000);
  const folder = temporaryFolder();

  it('measures what belongs to wanted products, in groups where there are many columns', async () => {
    const columns = 3072;
    const tokens = 3;
    const graph = new GraphBuilder('moments', new ExternalData(folder(), 'data'));
    graph.input('x', 'float', [1, 'tokens', columns]);
    const inputs = new Map<string, ProductInput>([
      ['0.gateUp', { product: 'gateUp', value: 'x', columns }],
      ['0.down', { product: 'down', value: 'x', columns }],
    ]);
    addMoments(graph, { inputs }, (product) => product === 'gateUp');
    const session = await InferenceSession.create(encodeModel(graph.model('test')));
    const random = randomNumbers(4);
    const x = Float32Array.from({ length: tokens * columns }, () => random());
    const results = await session.run({ x: new Tensor('float32', x, [1, tokens, columns]) });
    assert.deepEqual(Object.keys(results), ['moments.0.gateUp']);
    const moments = results['moments.0.gateUp'];
    assert.deepEqual(moments?.dims, [2, 1536, 1536]);
    const { data } = moments;
    assert.ok(data instanceof Float32Array);
    for (const [group, i, j] of [
      [0, 0, 0],
      [0, 3, 1535],
      [1, 0, 1],
      [1, 1535, 700],
    ] as const) {
      const at = (token: number, column: number) => x[token * columns + group * 1536 + column] ?? NaN;
      const expected = Array.from({ length: tokens }, (_, t) => at(t, i) * at(t, j)).reduce(
        (sum, value) => sum + value,
      );
      assert.ok(Math.abs((data[(group * 1536 + i) * 1536 + j] ?? NaN) - expected) < 1e-4);
    }
    await session.release();
  });

  it('reads nothing that quality is measured on', async () => {
    const words = (text: string): string[] => text.split(/\W+/).filter(Boolean);
    const grams = (text: string): string[] => {
      const all = words(text);
      return all.slice(0, -11).map((_, i) => all.slice(i, i + 12).join(' '));
    };
    const read = new Set(calibrationTexts.flatMap(grams));
    for (const { text } of await heldoutTexts())
      assert.deepEqual(
        grams(text).filter((gram) => read.has(gram)),
        [],
      );
  });
});
