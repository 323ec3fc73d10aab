import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { dequantise } from '../../../src/convert/dequantise.ts';
import { blockLayouts, type TensorType } from '../../../src/convert/ggufTypes.ts';
import { decodeBfloat16 } from '../../../src/convert/halfFloat.ts';

const fixture = z
  .record(z.string(), z.object({ bytes: z.base64(), values: z.base64() }))
  .parse(JSON.parse(readFileSync(join(import.meta.dirname, '../../fixtures/convert/dequantise.json'), 'utf8')));

function isTensorType(name: string): name is TensorType {
  return name in blockLayouts;
}

describe('dequantise', () => {
  for (const [name, { bytes, values }] of Object.entries(fixture)) {
    it(`reads ${name} as the gguf package's reference does`, () => {
      assert.ok(isTensorType(name));
      const expected = new Float32Array(new Uint8Array(Buffer.from(values, 'base64')).buffer);
      const found = dequantise(name, Buffer.from(bytes, 'base64'));
      assert.equal(found.length, expected.length);
      for (const [i, value] of expected.entries()) {
        const tolerance = Math.abs(value) * 1e-6 + 1e-7;
        assert.ok(
          Object.is(found[i], value) || Math.abs((found[i] ?? NaN) - value) <= tolerance,
          `${i}: ${found[i]} ${value}`,
        );
      }
    });
  }

  it('covers every type that a GGUF file may declare', () => {
    const untested = Object.keys(blockLayouts).filter((name) => !(name in fixture));
    assert.deepEqual(untested, ['F32', 'BF16']);
  });

  it('reads bfloat16 as the upper half of single precision', () => {
    assert.deepEqual([...decodeBfloat16(Uint8Array.of(0x80, 0x3f, 0x20, 0xc0))], [1, -2.5]);
  });
});
