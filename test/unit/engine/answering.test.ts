import assert from 'node:assert/strict';
import { samplingSchema } from '../../../src/protocol/sampling.ts';
import { AnchorContext } from '../../../src/engine/anchorContext.ts';
import { Random } from '../../../src/engine/random.ts';
import { logSumExp } from '../../../src/engine/sampling.ts';
import { scoreText } from '../../../src/engine/scoreText.ts';
import { randomIds, sequence } from './contextFixtures.ts';
import { referenceLogits } from './referenceDecoder.ts';
import { openTinyDecoder, type TinyDecoder } from './tinyDecoder.ts';

describe('generation', function () {
  this.timeout(30_000);

  describe('answering', () => {
    const sampling = samplingSchema.parse({ temperature: 0.9, topP: 0.95, seed: 5, maxTokens: 40 });

    async function answer(tiny: TinyDecoder, options: object): Promise<Awaited<ReturnType<AnchorContext['generate']>>> {
      const context = new AnchorContext(tiny.decoder, { pinned: [1] });
      await context.read([50, 51, 52], { logits: 'last' });
      return context.generate({ ...sampling, ...options });
    }

    it('is the same for a seed, streams what it returns, and ends at the limit', async () => {
      const tiny = await openTinyDecoder({});
      const first = await answer(tiny, {});
      assert.equal(first.text, (await answer(tiny, {})).text);
      assert.notEqual(first.text, (await answer(tiny, { seed: 6 })).text);
      assert.ok(first.stopReason === 'maxTokens' || first.stopReason === 'endOfText');
      const context = new AnchorContext(tiny.decoder, { pinned: [1] });
      await context.read([50, 51, 52], { logits: 'last' });
      let streamed = '';
      await context.generate(sampling, { onToken: (text) => (streamed += text) });
      assert.equal(streamed, first.text);
    });

    it('ends at a stop string that spans tokens, and leaves it out', async () => {
      const tiny = await openTinyDecoder({});
      const whole = (await answer(tiny, {})).text;
      const stop = whole.slice(6, 10);
      const cut = await answer(tiny, { stop: [stop] });
      assert.equal(cut.stopReason, 'stopString');
      assert.equal(cut.text, whole.slice(0, whole.indexOf(stop)));
    });

    it('ends when the window is full', async () => {
      const tiny = await openTinyDecoder({}, 12);
      const full = await answer(tiny, {});
      assert.equal(full.stopReason, 'contextFull');
      // Four positions are the prefix and the question; the last token drawn has been read by nobody.
      assert.equal(full.tokens.length, 8);
    });

    it('scores a given text as the sum of its tokens’ log-probabilities', async () => {
      const tiny = await openTinyDecoder({});
      const random = new Random(22);
      const [pinned, question, text] = [randomIds(random, 3), randomIds(random, 6), randomIds(random, 150)];
      const context = new AnchorContext(tiny.decoder, { pinned });
      await context.read(question, { logits: 'last' });
      const scored = await scoreText(context, text);
      const logits = referenceLogits(tiny.model, [sequence(pinned, [], false, true), sequence([...question, ...text])]);
      const expected = text.reduce((sum, id, i) => {
        const row = Float32Array.from(logits[pinned.length + question.length + i - 1] ?? []);
        return sum + (row[id] ?? NaN) - logSumExp(row);
      }, 0);
      assert.equal(scored.tokens, 150);
      assert.ok(Math.abs(scored.logProb - expected) < 1e-2, `${scored.logProb} where ${expected} is expected`);
      const alone = await scoreText(new AnchorContext(tiny.decoder, { pinned }), text);
      assert.equal(alone.tokens, 149, 'nothing predicts the first token');
    });

    it('scores texts aside as if each alone went on, and reads what stands before them once', async () => {
      const tiny = await openTinyDecoder({});
      const { decoder } = tiny;
      const random = new Random(23);
      const [pinned, chunk, prompt] = [randomIds(random, 3), randomIds(random, 40), randomIds(random, 21)];
      const texts = [1, 5, 70].map((count) => randomIds(random, count));
      const fresh = async (): Promise<AnchorContext> => {
        const context = new AnchorContext(decoder, { pinned });
        await context.seal(chunk, { ratio: 4, choice: 'stride' });
        await context.read(prompt, { logits: 'last' });
        return context;
      };
      const expected = [];
      for (const text of texts) expected.push(await scoreText(await fresh(), text));
      const context = await fresh();
      const { rows, textTokens, nextLogits } = context;
      const run = decoder.run.bind(decoder);
      let read = 0;
      decoder.run = (step) => {
        read += step.tokens.length;
        return run(step);
      };
      try {
        for (const [n, text] of texts.entries()) {
          assert.deepEqual(await context.aside(() => scoreText(context, text)), expected[n]);
          assert.deepEqual([context.rows, context.textTokens, context.nextLogits], [rows, textTokens, nextLogits]);
        }
      } finally {
        decoder.run = run;
      }
      // Nothing follows a text's last token, which is scored and not read.
      assert.equal(read, 0 + 4 + 69);
      await assert.rejects(
        context.aside(async () => {
          await context.read(randomIds(random, 9), { logits: 'all' });
          throw new Error('stopped');
        }),
        /stopped/,
      );
      assert.deepEqual(await scoreText(context, texts[2] ?? []), expected[2]);
    });

    it('forgets what was read aside of nothing, and refuses it of an exchange that is reduced online', async () => {
      const { decoder } = await openTinyDecoder({});
      const context = new AnchorContext(decoder, { pinned: [1] });
      assert.equal((await context.aside(() => scoreText(context, [40, 41, 42]))).tokens, 2);
      assert.deepEqual([context.rows, context.nextLogits], [1, null]);
      const online = new AnchorContext(decoder, { pinned: [1], reduction: 'online' });
      await online.read([40, 41], { logits: 'last' });
      await assert.rejects(
        online.aside(async () => undefined),
        /reduced online/,
      );
    });
  });
});
