import assert from 'node:assert/strict';
import { AnchorageError } from '../../../src/protocol/errors.ts';
import { samplingSchema } from '../../../src/protocol/sampling.ts';
import { AnchorContext } from '../../../src/engine/anchorContext.ts';
import { chooseAnchors } from '../../../src/engine/anchorChoice.ts';
import { Random } from '../../../src/engine/random.ts';
import { ScoringPass } from '../../../src/engine/scoringPass.ts';
import { assertClose, randomIds, sequence } from './contextFixtures.ts';
import { referenceLogits } from './referenceDecoder.ts';
import { openTinyDecoder } from './tinyDecoder.ts';

describe('anchor context', function () {
  this.timeout(30_000);

  describe('choosing anchors', () => {
    it('scores a token by the attention it receives while the sequence is repeated', async () => {
      const tiny = await openTinyDecoder({});
      const { config } = tiny.model;
      const random = new Random(12);
      const [pinned, ids] = [randomIds(random, 5), randomIds(random, 17)];
      const request = tiny.decoder.package.layout.repeatRequest();
      const first = pinned.length;
      const second = first + ids.length + request.length;
      const largest = new Map<string, number>();
      const whole = sequence([...pinned, ...ids, ...request, ...ids], [], false, true);
      referenceLogits({ ...tiny.model, anchorEmbedding: null }, [whole], (layer, head, query, key, probability) => {
        if (query < second || key < first || key >= first + ids.length) return;
        const name = `${layer} ${head} ${key - first}`;
        largest.set(name, Math.max(largest.get(name) ?? 0, probability));
      });
      const heads = config.num_hidden_layers * config.num_attention_heads;
      const expected = ids.map((_, t) => {
        let sum = 0;
        for (const [name, probability] of largest) if (name.endsWith(` ${t}`)) sum += probability;
        return sum / heads;
      });
      const scores = await new ScoringPass(tiny.decoder, pinned).scores(ids, 'repeating');
      expected.forEach((score, t) => assert.ok(Math.abs(score - (scores[t] ?? NaN)) < 1e-5, `token ${t}`));

      for (const choice of ['window', 'attention'] as const) {
        const context = new AnchorContext(tiny.decoder, { pinned });
        const sealed = await context.seal(ids, { ratio: 4, choice });
        assert.equal(sealed.rows, 5);
        const live = randomIds(random, 4);
        const chosen = sequence(ids, chooseAnchors(choice, expected, 4));
        const logits = referenceLogits(tiny.model, [sequence(pinned, [], false, true), chosen, sequence(live)]);
        assertClose(await context.read(live, { logits: 'all' }), logits.slice(-4));
      }
    });

    it('scores a token by its values where the choice is learned', async () => {
      const tiny = await openTinyDecoder({});
      const { config, scorer } = tiny.model;
      const [weight, bias, output] = ['hidden.weight', 'hidden.bias', 'output.weight'].map(
        (name) => scorer.get(name)?.data ?? new Float32Array(),
      );
      const width = config.num_key_value_heads * config.head_dim;
      const count = 3;
      const random = new Random(14);
      const rows = Float32Array.from(
        { length: 2 * config.num_hidden_layers * count * width },
        () => random.next() - 0.5,
      );
      const inputs = config.num_hidden_layers * width;
      const expected = Array.from({ length: count }, (_, t) => {
        const value = (i: number): number => {
          const block = 2 * Math.floor(i / width) + 1;
          return rows[(block * count + t) * width + (i % width)] ?? NaN;
        };
        return Array.from(bias ?? [], (start, h) => {
          let sum = start;
          for (let i = 0; i < inputs; i++) sum += (weight?.[h * inputs + i] ?? NaN) * value(i);
          return ((output?.[h] ?? NaN) * sum) / (1 + Math.exp(-sum));
        }).reduce((a, b) => a + b, 0);
      });
      const found = await tiny.decoder.scorer?.scores(rows, count);
      expected.forEach((score, t) => assert.ok(Math.abs(score - (found?.[t] ?? NaN)) < 1e-5, `token ${t}`));

      const [pinned, ids, live] = [randomIds(random, 5), randomIds(random, 17), randomIds(random, 4)];
      const scores = await new ScoringPass(tiny.decoder, pinned).scores(ids, 'scorer');
      const context = new AnchorContext(tiny.decoder, { pinned });
      await context.seal(randomIds(random, 9), { ratio: 4, choice: 'learned' });
      assert.equal((await context.seal(ids, { ratio: 4, choice: 'learned' })).choice, 'learned');
      await context.drop(0);
      context.truncateTo(0);
      await context.seal(ids, { ratio: 4, choice: 'learned' });
      const chosen = sequence(ids, chooseAnchors('learned', scores, 4));
      const logits = referenceLogits(tiny.model, [sequence(pinned, [], false, true), chosen, sequence(live)]);
      assertClose(await context.read(live, { logits: 'all' }), logits.slice(-4));
    });

    it('says which choices there are where a package has no scorer', async () => {
      const { decoder } = await openTinyDecoder({ choices: ['stride', 'window'] });
      const context = new AnchorContext(decoder, { pinned: [] });
      await assert.rejects(context.seal([5, 6, 7, 8], { ratio: 2, choice: 'learned' }), (error) => {
        return AnchorageError.is(error, 'unsupported') && /stride or window/.test(error.remedy);
      });
      assert.equal(context.rows, 0);
    });

    it('reads a sequence for scoring in the same groups whatever was scored, or stopped, before', async () => {
      const tiny = await openTinyDecoder({});
      const { decoder } = tiny;
      const random = new Random(13);
      const [pinned, ids, other] = [randomIds(random, 5), randomIds(random, 17), randomIds(random, 9)];
      const run = decoder.run.bind(decoder);
      let groups: number[] = [];
      let stop: AbortController | null = null;
      decoder.run = (step) => {
        groups.push(step.tokens.length);
        stop?.abort();
        return run(step);
      };
      try {
        const fresh = new ScoringPass(decoder, pinned);
        const scores = await fresh.scores(ids, 'repeating');
        const [prefix, ...rest] = groups;
        assert.equal(prefix, pinned.length);
        const used = new ScoringPass(decoder, pinned);
        stop = new AbortController();
        await assert.rejects(used.scores(other, 'repeating', stop.signal));
        stop = null;
        await used.scores(other, 'repeating');
        groups = [];
        assert.deepEqual(await used.scores(ids, 'repeating'), scores);
        assert.deepEqual(groups, rest);
      } finally {
        decoder.run = run;
      }
    });

    it('reads a text longer than a sequence may be in pieces', async () => {
      const tiny = await openTinyDecoder({});
      const context = new AnchorContext(tiny.decoder, { pinned: [1] });
      const sealed = await context.seal(randomIds(new Random(3), 50), { ratio: 8, choice: 'stride' });
      assert.equal(sealed.rows, 3 + 3 + 1);
      assert.equal(sealed.textTokens, 50);
      assert.equal(context.sequences.length, 1);
    });
  });

  describe('keeping and restoring', () => {
    it('gives the same logits from exported anchors as if the context had never been closed', async () => {
      for (const positions of ['cache', 'absolute'] as const) {
        const tiny = await openTinyDecoder({ positions });
        const random = new Random(14);
        const pinned = randomIds(random, 3);
        const context = new AnchorContext(tiny.decoder, { pinned });
        for (let n = 0; n < 3; n++) await context.seal(randomIds(random, 15), { ratio: 4, independent: n === 1 });
        await context.keepWhole(randomIds(random, 6));
        const live = randomIds(random, 5);
        const before = await context.read(live, { logits: 'all' });
        const restored = new AnchorContext(tiny.decoder, { pinned });
        const half = new AnchorContext(tiny.decoder, { pinned });
        const eight = new AnchorContext(tiny.decoder, { pinned });
        for (const { index } of context.sequences) {
          await restored.importAnchors(await context.exportAnchors(index));
          await half.importAnchors(await context.exportAnchors(index, 'fp16'));
          await eight.importAnchors(await context.exportAnchors(index, 'int8'));
        }
        assert.deepEqual(await restored.read(live, { logits: 'all' }), before);
        assert.deepEqual(restored.sequences, context.sequences);
        assert.equal(restored.rowsFull, context.rowsFull);
        for (const [rough, most] of [
          [half, 0.05],
          [eight, 0.3],
        ] as const) {
          const after = await rough.read(live, { logits: 'all' });
          const difference = Math.max(
            ...after.map((row, i) => row.reduce((d, x, j) => Math.max(d, Math.abs(x - (before[i]?.[j] ?? NaN))), 0)),
          );
          assert.ok(difference < most, `stored rows changed logits by ${difference}`);
        }
      }
    });

    it('puts an independent chunk anywhere, as if it had been read there', async () => {
      const tiny = await openTinyDecoder({});
      const random = new Random(15);
      const [pinned, chunk, other, live] = [
        randomIds(random, 3),
        randomIds(random, 20),
        randomIds(random, 11),
        randomIds(random, 4),
      ];
      const source = new AnchorContext(tiny.decoder, { pinned });
      await source.seal(chunk, { ratio: 4, independent: true });
      const read = new AnchorContext(tiny.decoder, { pinned });
      await read.seal(other);
      await read.seal(chunk, { ratio: 4, independent: true });
      const placed = new AnchorContext(tiny.decoder, { pinned });
      await placed.seal(other);
      await placed.importAnchors(await source.exportAnchors(0));
      const expected = await read.read(live, { logits: 'all' });
      assertClose(
        await placed.read(live, { logits: 'all' }),
        expected.map((row) => Array.from(row)),
      );
    });

    it('refuses anchors of another shape', async () => {
      const tiny = await openTinyDecoder({});
      const context = new AnchorContext(tiny.decoder, { pinned: [1] });
      await context.seal(randomIds(new Random(1), 9));
      const anchors = await context.exportAnchors(0);
      assert.ok(anchors.precision === 'fp32');
      const cut = { ...anchors, keyValues: anchors.keyValues.slice(1) };
      await assert.rejects(context.importAnchors(cut), (error: unknown) => AnchorageError.is(error, 'invalidInput'));
    });

    it('forgets later sequences and the live exchange without a trace', async () => {
      const tiny = await openTinyDecoder({});
      const random = new Random(16);
      const [first, second, live] = [randomIds(random, 9), randomIds(random, 14), randomIds(random, 4)];
      const context = new AnchorContext(tiny.decoder, { pinned: [1, 4] });
      await context.seal(first);
      const expected = await context.read(live, { logits: 'all' });
      context.dropLive();
      await context.seal(second);
      await context.read(live, { logits: 'none' });
      context.truncateTo(1);
      assert.equal(context.sequences.length, 1);
      assert.deepEqual(await context.read(live, { logits: 'all' }), expected);
    });
  });

  describe('stopping', () => {
    it('is honoured between runs, and leaves the context as it was', async () => {
      const tiny = await openTinyDecoder({});
      const random = new Random(18);
      const [ids, live] = [randomIds(random, 20), randomIds(random, 6)];
      const context = new AnchorContext(tiny.decoder, { pinned: [1, 4] });
      context.groupSize = () => 4;
      await context.seal(ids, { choice: 'stride' });
      const before = context.rows;
      for (const choice of ['stride', 'window'] as const) {
        const controller = new AbortController();
        let runs = 0;
        const onProgress = (): void => {
          if (++runs === 2) controller.abort();
        };
        const sealing = context.seal(ids, { choice, signal: controller.signal, onProgress });
        await assert.rejects(sealing, (error: unknown) => AnchorageError.is(error, 'cancelled'));
        assert.equal(runs, 2, 'no run after the signal');
        assert.equal(context.rows, before);
      }
      const stopped = AbortSignal.abort();
      await assert.rejects(context.read(live, { logits: 'last', signal: stopped }), (error: unknown) =>
        AnchorageError.is(error, 'cancelled'),
      );
      // No exchange is live: the next sequence can be sealed.
      await context.seal(ids, { choice: 'stride' });
      context.truncateTo(1);
      const again = new AnchorContext(tiny.decoder, { pinned: [1, 4] });
      await again.seal(ids, { choice: 'stride' });
      assertClose(
        await context.read(live, { logits: 'all' }),
        (await again.read(live, { logits: 'all' })).map((row) => Array.from(row)),
      );
    });

    it('ends an answer with what was written so far', async () => {
      const tiny = await openTinyDecoder({});
      const context = new AnchorContext(tiny.decoder, { pinned: [1] });
      await context.read([40, 41], { logits: 'last' });
      const controller = new AbortController();
      const sampling = samplingSchema.parse({ temperature: 1, seed: 3, maxTokens: 100 });
      let parts = 0;
      const answer = await context.generate(sampling, {
        signal: controller.signal,
        onToken: () => ++parts === 5 && controller.abort(),
      });
      assert.equal(answer.stopReason, 'cancelled');
      assert.ok(answer.tokens.length < 100 && answer.text.length > 0);
    });

    it('interleaves with other work: a timer fires between runs', async () => {
      const tiny = await openTinyDecoder({});
      const context = new AnchorContext(tiny.decoder, { pinned: [1] });
      context.groupSize = () => 1;
      let ticks = 0;
      const timer = setInterval(() => ticks++, 0);
      await context.read(randomIds(new Random(1), 200), { logits: 'none' });
      clearInterval(timer);
      assert.ok(ticks > 2, `${ticks} ticks`);
    });
  });

  it('names the tokens and the remedy when a text does not fit', async () => {
    const tiny = await openTinyDecoder({}, 40);
    const context = new AnchorContext(tiny.decoder, { pinned: [1, 2] });
    await context.seal(randomIds(new Random(2), 20), { ratio: 4, choice: 'stride' });
    await assert.rejects(context.read(randomIds(new Random(2), 34), { logits: 'none' }), (error: unknown) => {
      assert.ok(AnchorageError.is(error, 'contextTooLong'));
      assert.match(error.message, /34 tokens.*33 of the model's 40/);
      assert.match(error.remedy, /new session/);
      return true;
    });
    assert.equal(context.rows, 7);
    await context.read(randomIds(new Random(2), 33), { logits: 'none' });
  });
});
