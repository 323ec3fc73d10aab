import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AnchorContext } from '../../../src/engine/anchorContext.ts';
import { scoreText } from '../../../src/engine/scoreText.ts';
import { batchRowSchema, keptChoices, type BatchResult } from '../../../src/protocol/batch.ts';
import { runBatchRow } from '../../../src/worker/batchRow.ts';
import { loadEngineModel, type Model } from '../../../src/worker/model.ts';
import { buildTinyPackage, openTinyDecoder } from '../engine/tinyDecoder.ts';
import { tinyModel, type TinyModel } from '../engine/tinyModel.ts';
import { fakeLoad, fakeWorkerPath } from './workerFixtures.ts';

/** Runs rows in a model's own contexts, one of each pinned prefix. */
function rowRunner(model: Model): (row: object) => Promise<BatchResult> {
  const contexts = { system: model.createBatchContext('system'), none: model.createBatchContext('none') };
  return (fields) => {
    const row = batchRowSchema.parse({ id: 1, ...fields });
    const options = { signal: new AbortController().signal, onProgress: () => {} };
    return runBatchRow(model, contexts[row.pinned], row, options);
  };
}

async function withTiny(tiny: TinyModel, test: (model: Model) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'anchorage-batch-'));
  try {
    const { package: built } = await buildTinyPackage(tiny, folder);
    const load = { ...fakeLoad, packageFolder: built.folder, executionProvider: 'cpu' } as const;
    const model = await loadEngineModel(load, fakeWorkerPath);
    await test(model).finally(() => model.dispose());
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A LoRA without an embedding of its own is what an adapter for EP is. */
function endpointModel(): TinyModel {
  return { ...tinyModel({}), anchorEmbedding: null, anchors: tinyModel({ scheme: 'EP' }).anchors };
}

describe('scoring in a batch row', function () {
  this.timeout(30_000);

  const chunks = ['The pilot is Miriam. She can fly. ', { user: 'Which rocket?', assistant: 'The red one.' }];
  const prompt = 'Question: who can fly?\nAnswer:';
  const choices = [' the pilot', ' a', ' nobody, and nothing else either, é𝒳'];

  for (const scheme of ['mark', 'select', 'AC', 'EP'] as const) {
    it(`scores choices after a prompt as continuations one by one, in every mode, under ${scheme}`, async () => {
      const tiny = scheme === 'EP' ? endpointModel() : tinyModel({ scheme });
      await withTiny(tiny, async (model) => {
        assert.equal(model.info.scheme, scheme);
        const run = rowRunner(model);
        const modes = [
          { mode: 'anchors' },
          { mode: 'full' },
          { mode: 'none' },
          ...keptChoices.map((keep) => ({ mode: 'kept', keep })),
        ];
        for (const pinned of ['system', 'none']) {
          const rows = new Map<string, number>();
          for (const how of modes) {
            const base = { ...how, pinned, chunks, prompt, ratio: 4 };
            const result = await run({ ...base, choices });
            assert.equal(result.answer, '');
            for (const [n, continuation] of choices.entries()) {
              const one = await run({ ...base, continuation });
              const { scoreLogProb: logProb = NaN, scoreTokens: tokens = 0 } = one;
              const characters = [10, 2, 36][n];
              assert.deepEqual(result.choiceScores?.[n], { logProb, tokens, characters }, JSON.stringify(how));
              assert.equal(tokens, model.encodeText(continuation).length, 'the prompt predicts the first token');
              assert.equal(one.kvRows, result.kvRows);
            }
            rows.set(Object.values(how).join(' '), result.kvRows);
          }
          const anchored = rows.get('anchors') ?? 0;
          assert.ok(anchored < (rows.get('full') ?? 0) && anchored > (rows.get('none') ?? 0));
          for (const keep of keptChoices) assert.equal(rows.get(`kept ${keep}`), anchored, keep);
        }
      });
    });
  }

  it('leaves the system prompt out where nothing is pinned', async () => {
    await withTiny(tinyModel({}), async (model) => {
      const run = rowRunner(model);
      const continuation = ' the pilot';
      const [system, none] = [
        await run({ prompt, continuation }),
        await run({ prompt, continuation, pinned: 'none', mode: 'full' }),
      ];
      assert.equal(none.kvRows, model.encodeText(prompt).length);
      assert.ok(system.kvRows > none.kvRows);
      assert.notEqual(none.scoreLogProb, system.scoreLogProb);
      // A context without a prefix, of the same weights.
      const context = new AnchorContext((await openTinyDecoder({})).decoder, { pinned: [] });
      await context.read(model.encodeText(prompt), { logits: 'last' });
      const { logProb } = await scoreText(context, model.encodeText(continuation));
      assert.ok(Math.abs(logProb - (none.scoreLogProb ?? NaN)) < 1e-4);
    });
  });

  it('scores choices as answers to a question, of which none is written', async () => {
    await withTiny(tinyModel({}), async (model) => {
      const run = rowRunner(model);
      const row = { chunks, question: 'Who can fly?' };
      const { choiceScores = [], decodeMs, answer } = await run({ ...row, choices });
      assert.deepEqual([decodeMs, answer], [0, '']);
      for (const [n, score] of choices.entries()) {
        const { scoreLogProb, scoreTokens } = await run({ ...row, score, maxTokens: 0 });
        assert.deepEqual([choiceScores[n]?.logProb, choiceScores[n]?.tokens], [scoreLogProb, scoreTokens]);
      }
    });
  });

  it('reads chunks that stay the same once where rows reuse them, and scores as if each had read its own', async () => {
    await withTiny(tinyModel({}), async (model) => {
      const contexts = [model.createBatchContext(), model.createBatchContext()];
      const longer = [...chunks, 'One more.'];
      const rows = [
        { mode: 'anchors', chunks },
        { mode: 'anchors', chunks },
        { mode: 'anchors', chunks: longer },
        { mode: 'anchors', chunks: longer, ratio: 2 },
        { mode: 'anchors', chunks: [longer[0], longer[2]], ratio: 2 },
        { mode: 'none', chunks },
        { mode: 'full', chunks },
        { mode: 'full', chunks: longer },
        { mode: 'kept', keep: 'recent', chunks: longer },
        { mode: 'kept', keep: 'recent', chunks: longer },
        { mode: 'kept', keep: 'recent', chunks },
        { mode: 'kept', keep: 'random', chunks },
      ];
      const read: number[] = [];
      for (const row of rows) {
        const results: BatchResult[] = [];
        for (const [n, batch] of contexts.entries()) {
          const { context } = batch;
          const [seal, keepWhole] = [context.seal.bind(context), context.keepWhole.bind(context)];
          let count = 0;
          context.seal = (...args) => (count++, seal(...args));
          context.keepWhole = (...args) => (count++, keepWhole(...args));
          const parsed = batchRowSchema.parse({ id: 1, ...row, prompt, choices, reuse: n === 1 });
          const options = { signal: new AbortController().signal, onProgress: () => {} };
          results.push({ ...(await runBatchRow(model, batch, parsed, options)), prefillMs: 0 });
          Object.assign(context, { seal, keepWhole });
          if (n === 1) read.push(count);
        }
        assert.deepEqual(results[1], results[0], JSON.stringify(row));
      }
      assert.deepEqual(read, [2, 0, 1, 3, 1, 0, 2, 1, 3, 0, 2, 2]);
    });
  });

  it('keeps other rows by another seed, and the same by the same', async () => {
    await withTiny(tinyModel({}), async (model) => {
      const run = rowRunner(model);
      const logProb = async (seed: number | undefined): Promise<number> => {
        const row = { chunks, prompt, continuation: ' the pilot', mode: 'kept', keep: 'random', seed, ratio: 4 };
        return (await run(row)).scoreLogProb ?? NaN;
      };
      assert.equal(await logProb(undefined), await logProb(0));
      assert.equal(await logProb(5), await logProb(5));
      assert.notEqual(await logProb(5), await logProb(6));
    });
  });
});
