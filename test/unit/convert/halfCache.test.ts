import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { variantFormats } from '../../../src/convert/decoderGraph.ts';
import { GgufSource } from '../../../src/convert/ggufSource.ts';
import { GraphRunner } from '../../../src/convert/graphRunner.ts';
import { MergedWeights } from '../../../src/convert/mergedWeights.ts';
import { writeVariant } from '../../../src/convert/variantFiles.ts';
import { tinyGguf } from './ggufWriter.ts';
import { runReference } from './referenceDecoder.ts';
import { temporaryFolder } from './temporaryFolder.ts';
import { tinyDecoder } from './tinyDecoder.ts';

const ids = [70, 12, 33, 200, 5, 9, 9, 101, 44, 17, 3, 150];

describe('a graph over rows in half precision', function () {
  this.timeout(20_000);
  const folder = temporaryFolder();

  it('gives and takes half-precision rows, and the reference’s logits within their rounding', async () => {
    const decoder = tinyDecoder({});
    const path = join(folder(), 'tiny.gguf');
    writeFileSync(path, tinyGguf(decoder, 'llama'));
    const source = new GgufSource(path);
    const weights = new MergedWeights(source, source.config, null);
    const format = { ...variantFormats.fp32, cache: 'float16' } as const;
    const output = join(folder(), 'onnx');
    mkdirSync(output);
    const runner = await GraphRunner.open(
      await writeVariant(output, 'fp32', weights, { producer: 'test', format }),
      weights,
    );
    const first = await runner.run(ids.slice(0, 5), null);
    const second = await runner.run(ids.slice(5), first);
    await runner.close();
    source.close();
    assert.ok(first.rows instanceof Uint16Array && second.rows instanceof Uint16Array);
    const expected = runReference(decoder, ids).logits.flatMap((row) => [...row]);
    const found = [...first.logits, ...second.logits];
    const largest = found.reduce((most, value, i) => Math.max(most, Math.abs(value - (expected[i] ?? NaN))), 0);
    assert.ok(largest < 1.5e-2, `off by ${largest}`);
    // Rows that were lost or misread would be off by much more than rounding, and rows in single precision by less.
    assert.ok(largest > 1e-5, `off by ${largest} only: the past was not half precision`);
  });
});
