import assert from 'node:assert/strict';
import { basename } from 'node:path';
import { packageNameOf } from '../../../src/cli/commands/convert.ts';
import { packageManifestSchema } from '../../../src/protocol/packageManifest.ts';

describe('the name that a converted package has by default', () => {
  const names: readonly [source: string, name: string][] = [
    ['models/SmolLM2-135M.Q4_1.gguf', 'SmolLM2-135M.Q4_1'],
    ['Llama-3.2-1B', 'Llama-3.2-1B'],
    ['models/My Model (Q8).GGUF', 'My-Model-Q8'],
    ['.', basename(process.cwd())],
    ['/tmp/.hidden/', 'hidden'],
    ['/', 'decoder'],
    ['模型', 'decoder'],
    ['a'.repeat(200), 'a'.repeat(128)],
  ];
  for (const [source, name] of names) {
    it(`is ${name.slice(0, 20)} for ${source.slice(0, 30)}`, () => {
      assert.equal(packageNameOf(source), name);
      assert.ok(packageManifestSchema.shape.name.safeParse(name).success);
    });
  }
});
