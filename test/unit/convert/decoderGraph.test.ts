import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { convertModel } from '../../../src/convert/convertModel.ts';
import type { DecoderConfig } from '../../../src/protocol/decoderConfig.ts';
import { writeAdapter } from './adapterWriter.ts';
import { tinyGguf } from './ggufWriter.ts';
import { runReference, type ReferenceResult } from './referenceDecoder.ts';
import { SplitGraph } from './splitGraph.ts';
import { temporaryFolder } from './temporaryFolder.ts';
import { tinyDecoder, writeHuggingFaceFolder, type TinyDecoder } from './tinyDecoder.ts';

const ids = [70, 12, 33, 200, 5, 9, 9, 101, 44, 17, 3, 150];

function largestDifference(found: Float32Array, expected: ReferenceResult['logits'], from = 0): number {
  const flat = expected.slice(from).flatMap((row) => [...row]);
  assert.equal(found.length, flat.length);
  return found.reduce((largest, value, i) => Math.max(largest, Math.abs(value - (flat[i] ?? NaN))), 0);
}

describe('the fp32 graph', function () {
  this.timeout(20_000);
  const folder = temporaryFolder();

  async function convert(source: string, adapterFolder: string | null = null): Promise<string> {
    const outputFolder = join(folder(), 'package');
    await convertModel({ source, adapterFolder, outputFolder, variants: ['fp32'], name: 'tiny' });
    return join(outputFolder, 'onnx', 'model_fp32.onnx');
  }

  async function convertGguf(
    decoder: TinyDecoder,
    architecture = 'llama',
    adapterFolder: string | null = null,
  ): Promise<string> {
    const source = join(folder(), 'tiny.gguf');
    writeFileSync(source, tinyGguf(decoder, architecture));
    return convert(source, adapterFolder);
  }

  const families: [string, Partial<DecoderConfig>, string][] = [
    ['Llama', {}, 'llama'],
    ['Llama with an output layer of its own', { tie_word_embeddings: false }, 'llama'],
    ['Qwen2 with biases', { model_type: 'qwen2', attention_bias: true }, 'qwen2'],
    ['Qwen3 with norms of queries and keys', { model_type: 'qwen3' }, 'qwen3'],
  ];
  for (const [name, overrides, architecture] of families) {
    it(`gives the reference's logits for ${name}, read whole and in two parts`, async () => {
      const decoder = tinyDecoder(overrides);
      const graph = await SplitGraph.open(await convertGguf(decoder, architecture), decoder.config);
      const expected = runReference(decoder, ids);
      const whole = await graph.run(ids);
      assert.ok(largestDifference(whole.logits, expected.logits) < 2e-4);
      const first = await graph.run(ids.slice(0, 5));
      const second = await graph.run(ids.slice(5), { past: first.rows, pastTokens: 5 });
      assert.ok(largestDifference(second.logits, expected.logits, 5) < 2e-4);
      await graph.close();
    });
  }

  for (const scaling of [
    { rope_type: 'linear', factor: 4 },
    { rope_type: 'llama3', factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 64 },
  ] as const) {
    it(`scales positions (${scaling.rope_type}), from a Hugging Face folder`, async () => {
      const decoder = tinyDecoder({ rope_scaling: scaling });
      writeHuggingFaceFolder(folder(), decoder);
      const graph = await SplitGraph.open(await convert(folder()), decoder.config);
      assert.ok(largestDifference((await graph.run(ids)).logits, runReference(decoder, ids).logits) < 2e-4);
      await graph.close();
    });
  }

  it('gives the logits of the asked positions only, or none', async () => {
    const decoder = tinyDecoder();
    const graph = await SplitGraph.open(await convertGguf(decoder), decoder.config);
    const { logits } = runReference(decoder, ids);
    const asked = await graph.run(ids, { asked: [11, 3] });
    assert.ok(
      largestDifference(asked.logits, [logits[11] ?? new Float64Array(), logits[3] ?? new Float64Array()]) < 2e-4,
    );
    assert.equal((await graph.run(ids, { asked: [] })).logits.length, 0);
    await graph.close();
  });

  it('gives the attention that every key receives when it is wanted, and nothing when not', async () => {
    const decoder = tinyDecoder();
    const graph = await SplitGraph.open(await convertGguf(decoder), decoder.config);
    const expected = runReference(decoder, ids).scores;
    const wanted = await graph.run(ids, { scores: true });
    // The masked row that stands for the empty past comes first.
    const width = ids.length + 1;
    assert.deepEqual(wanted.scoresShape, [2, 4, width]);
    for (const [layer, heads] of expected.entries()) {
      for (const [head, keys] of heads.entries()) {
        const start = (layer * 4 + head) * width;
        assert.equal(wanted.scores[start], 0);
        for (const [key, value] of keys.entries())
          assert.ok(Math.abs((wanted.scores[start + 1 + key] ?? NaN) - value) < 1e-5);
      }
    }
    assert.deepEqual((await graph.run(ids)).scoresShape, [2, 4, 0]);
    await graph.close();
  });

  it('merges an adapter, and adds the anchor embedding to marked tokens', async () => {
    const decoder = tinyDecoder();
    const { merged, embedding } = writeAdapter(join(folder(), 'adapter'), decoder);
    const graph = await SplitGraph.open(await convertGguf(decoder, 'llama', join(folder(), 'adapter')), decoder.config);
    const unmarked = await graph.run(ids, { marks: ids.map(() => 0) });
    assert.ok(largestDifference(unmarked.logits, runReference(merged, ids).logits) < 5e-4);
    assert.ok(
      largestDifference(unmarked.logits, runReference(decoder, ids).logits) > 0.1,
      'the adapter changes nothing',
    );
    const marked = [3, 7, 11];
    const found = await graph.run(ids, { marks: ids.map((_, i) => (marked.includes(i) ? 1 : 0)) });
    const expected = runReference(merged, ids, { marked, markVector: embedding });
    assert.ok(largestDifference(found.logits, expected.logits) < 5e-4);
    await graph.close();
  });

  it('reads added anchor tokens from rows after the vocabulary, and gives no logits for them', async () => {
    const decoder = tinyDecoder();
    const vocabulary = decoder.config.vocab_size;
    const adapter = join(folder(), 'adapter');
    const { merged, embedding } = writeAdapter(adapter, decoder, {
      scheme: 'AC',
      anchor_token_ids: [vocabulary, vocabulary + 1],
    });
    const graph = await SplitGraph.open(await convertGguf(decoder, 'llama', adapter), decoder.config);
    const withAnchors = [70, 12, vocabulary, 33, vocabulary + 1];
    const found = await graph.run(withAnchors);
    assert.equal(found.logits.length, withAnchors.length * vocabulary);
    const table = merged.tensors.get('model.embed_tokens.weight') ?? new Float32Array();
    const longer = new Map(merged.tensors).set(
      'model.embed_tokens.weight',
      Float32Array.from([...table, ...embedding]),
    );
    const expected = runReference({ ...merged, tensors: longer }, withAnchors).logits.map((row) =>
      row.slice(0, vocabulary),
    );
    assert.ok(largestDifference(found.logits, expected) < 5e-4);
    await graph.close();
  });
});
