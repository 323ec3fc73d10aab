import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { batchRowSchema, type BatchResult } from '../../../src/protocol/batch.ts';
import { AnchorageError } from '../../../src/protocol/errors.ts';
import { defaultPackageFolder, workerPath } from '../../../src/cli/packagePaths.ts';
import { runBatchRow } from '../../../src/worker/batchRow.ts';
import { loadEngineModel, type Model } from '../../../src/worker/model.ts';
import { FakeModel } from './fakeModel.ts';
import { fakeLoad } from './workerFixtures.ts';

async function run(model: Model, batch: ReturnType<Model['createBatchContext']>, row: object): Promise<BatchResult> {
  const options = { signal: new AbortController().signal, onProgress: () => {} };
  return runBatchRow(model, batch, batchRowSchema.parse({ id: 1, ...row }), options);
}

describe('batch row', () => {
  const model = new FakeModel({ read: 0, write: 0 });
  const batch = model.createBatchContext();
  const chunks = ['x'.repeat(80), { user: 'hi', assistant: 'yo' }];
  const question = { question: 'why' };
  const questionTokens = model.encodeQuestion('why').length;
  const chunkTokens = 80 + model.encode({ kind: 'exchange', question: 'hi', answer: 'yo' }).length;

  it('reduces chunks before the question, and counts rows when the answer begins', async () => {
    const result = await run(model, batch, { ...question, chunks, maxTokens: 4, ratio: 4 });
    assert.equal(result.kvRows, 3 + 20 + Math.ceil((chunkTokens - 80) / 4) + questionTokens);
    assert.equal(result.kvRowsFull, 3 + chunkTokens + questionTokens);
    assert.equal(result.textTokens, result.kvRowsFull);
    assert.equal(result.kvBytes, result.kvRows * 8);
    assert.equal(result.answer, 'word0 word1 word2 word3 ');
    assert.equal(result.scoreTokens, undefined);
  });

  it('keeps chunks whole in full, and leaves them out in none', async () => {
    const full = await run(model, batch, { ...question, chunks, mode: 'full', maxTokens: 0 });
    assert.equal(full.kvRows, 3 + chunkTokens + questionTokens);
    assert.equal(full.answer, '');
    const none = await run(model, batch, { ...question, chunks, mode: 'none', maxTokens: 0 });
    assert.equal(none.kvRows, 3 + questionTokens);
  });

  it('puts every chunk in place again from what would be stored of it', async () => {
    const stored = await run(model, batch, { ...question, chunks, maxTokens: 0, ratio: 4, storedAs: 'fp16' });
    const kept = await run(model, batch, { ...question, chunks, maxTokens: 0, ratio: 4 });
    assert.deepEqual([stored.kvRows, stored.kvRowsFull], [kept.kvRows, kept.kvRowsFull]);
  });

  it('scores a given answer in place of the generated one', async () => {
    const result = await run(model, batch, { ...question, chunks, maxTokens: 2, score: 'because' });
    assert.deepEqual([result.scoreLogProb, result.scoreTokens], [-7, 7]);
    assert.equal(result.answer, 'word0 word1 ');
    assert.equal(batch.context.textTokens, result.textTokens);
  });

  it('refuses what could only be ignored', () => {
    const [prompt, choices, question] = ['text', ['a', 'b'], 'why'];
    const refused: readonly [object, RegExp][] = [
      [{}, /either question or continuation/],
      [{ question, continuation: 'text' }, /either question or continuation/],
      [{ continuation: 'text', score: 'because' }, /score.*goes with a question/s],
      [{ prompt }, /prompt.*needs a continuation or choices/s],
      [{ prompt, choices, question }, /prompt.*does not go with a question/s],
      [{ prompt, choices, continuation: 'text' }, /choices.*do not go with a continuation/s],
      [{ prompt, choices, score: 'because' }, /score.*does not go with choices/s],
      [{ choices }, /needs a question or a prompt before its choices/],
      [{ prompt, choices: [] }, /choices/],
      [{ prompt, choices: ['a', ''] }, /choices/],
      [{ question, mode: 'kept' }, /keep.*recent, separators, attention, random/s],
      [{ question, keep: 'recent' }, /keep.*goes with mode kept/s],
      [{ question, mode: 'kept', keep: 'newest' }, /keep/],
      [{ question, mode: 'kept', keep: 'recent', seed: 1 }, /seed.*goes with keep random/s],
      [{ question, mode: 'kept', keep: 'recent', storedAs: 'fp16' }, /storedAs.*does not go with mode kept/s],
      [{ question, pinned: 'chat' }, /pinned/],
    ];
    for (const [row, message] of refused) assert.throws(() => batchRowSchema.parse({ id: 1, ...row }), message);
  });

  describe('on the built-in model', function () {
    this.timeout(60_000);
    let built: Model;

    before(async function () {
      if (!existsSync(defaultPackageFolder)) this.skip();
      built = await loadEngineModel(
        { ...fakeLoad, packageFolder: defaultPackageFolder, executionProvider: 'cpu' },
        workerPath,
      );
    });

    after(() => (built as Model | undefined)?.dispose());

    it('gives the question the chunks: the answer that they hold is likelier with them than without', async () => {
      const context = built.createBatchContext();
      const row = {
        chunks: ['The pilot of the rocket is called Miriam Okafor.\n'],
        question: 'What is the pilot called?',
        maxTokens: 0,
        score: ' Miriam Okafor',
      };
      const full = await run(built, context, { ...row, mode: 'full' });
      const none = await run(built, context, { ...row, mode: 'none' });
      const anchors = await run(built, context, { ...row, mode: 'anchors', ratio: 1 });
      assert.ok((full.scoreLogProb ?? 0) > (none.scoreLogProb ?? 0) + 5);
      assert.ok((anchors.scoreLogProb ?? 0) > (none.scoreLogProb ?? 0));
      assert.equal(full.scoreTokens, none.scoreTokens);
      assert.equal(full.kvRows, full.kvRowsFull);
      const again = await run(built, context, { ...row, mode: 'full' });
      assert.equal(again.scoreLogProb, full.scoreLogProb);
      for (const storedAs of ['fp16', 'int8'] as const) {
        const stored = await run(built, context, { ...row, mode: 'full', storedAs });
        assert.equal(stored.kvRows, full.kvRows);
        assert.ok(Math.abs((stored.scoreLogProb ?? NaN) - (full.scoreLogProb ?? NaN)) < 0.5, storedAs);
      }
    });

    it('scores a continuation but for its first token', async () => {
      const context = built.createBatchContext();
      const continuation = 'def add(a, b):\n    return a + b\n';
      const { scoreTokens } = await run(built, context, { continuation, mode: 'none' });
      assert.equal(scoreTokens, built.encodeText(continuation).length - 1);
      await assert.rejects(run(built, context, { continuation: 'a', mode: 'none' }), (error) =>
        AnchorageError.is(error, 'invalidInput'),
      );
    });
  });
});
