import assert from 'node:assert/strict';
import { AnchorageError } from '../../../src/protocol/errors.ts';
import { samplingSchema } from '../../../src/protocol/sampling.ts';
import { AnchorContext } from '../../../src/engine/anchorContext.ts';
import { chooseAnchors, strideAnchors } from '../../../src/engine/anchorChoice.ts';
import { Random } from '../../../src/engine/random.ts';
import { logSumExp } from '../../../src/engine/sampling.ts';
import { ScoringPass } from '../../../src/engine/scoringPass.ts';
import { scoreText } from '../../../src/engine/scoreText.ts';
import { referenceLogits, type ReferenceSequence } from './referenceDecoder.ts';
import { tokenId } from './tinyModel.ts';
import { openTinyDecoder, type TinyDecoder } from './tinyDecoder.ts';

const TOLERANCE = 1e-4;

function randomIds(random: Random, count: number): number[] {
  return Array.from({ length: count }, () => random.integer(3, 258));
}

function sequence(
  ids: readonly number[],
  anchors: Iterable<number> = [],
  alone = false,
  whole = false,
): ReferenceSequence {
  return { ids, anchors: new Set(anchors), alone, whole };
}

function assertClose(found: readonly Float32Array[], expected: readonly (readonly number[])[]): void {
  assert.equal(found.length, expected.length);
  found.forEach((row, i) => {
    const difference = row.reduce((most, x, j) => Math.max(most, Math.abs(x - (expected[i]?.[j] ?? NaN))), 0);
    assert.ok(difference <= TOLERANCE, `logits of token ${i} differ by ${difference}`);
  });
}

/** A sequence as the scheme puts anchors into it at a stride. */
function anchored({ model }: TinyDecoder, ids: readonly number[], ratio: number, alone = false): ReferenceSequence {
  const { scheme, anchor_token_ids: added } = model.anchors;
  if (scheme === 'EP') {
    const ends = ids.flatMap((id, t) => (added.includes(id) || t === ids.length - 1 ? [t] : []));
    return sequence(ids, ends, alone);
  }
  const stride = strideAnchors(ids.length, ratio);
  if (scheme !== 'AC') return sequence(ids, stride, alone);
  const after = new Set(stride);
  const withAnchors = ids.flatMap((id, t) => (after.has(t) ? [id, added[0] ?? 0] : [id]));
  return sequence(
    withAnchors,
    withAnchors.flatMap((id, t) => (id === added[0] ? [t] : [])),
    alone,
  );
}

describe('anchor context', function () {
  this.timeout(30_000);

  describe('a streamed run that reduces after each sequence equals one masked forward', () => {
    for (const scheme of ['AC', 'EP', 'mark', 'select'] as const) {
      for (const positions of ['cache', 'absolute'] as const) {
        for (const seesAnchors of [true, false]) {
          it(`${scheme}, ${positions} positions, anchors ${seesAnchors ? 'see' : 'do not see'} anchors`, async () => {
            const tiny = await openTinyDecoder({ scheme, positions, anchors_see_anchors: seesAnchors });
            const random = new Random(scheme.length + positions.length + Number(seesAnchors));
            for (let round = 0; round < 3; round++) {
              const pinned = randomIds(random, random.integer(round, 4));
              const context = new AnchorContext(tiny.decoder, { pinned });
              if (round > 0) context.groupSize = () => random.integer(1, 9);
              const sequences = [sequence(pinned, [], false, true)];
              for (let n = random.integer(1, 4); n > 0; n--) {
                const ids = randomIds(random, random.integer(1, 20));
                const ratio = random.integer(1, 8);
                const independent = random.next() < 0.3;
                await context.seal(ids, { ratio, choice: 'stride', independent });
                sequences.push(anchored(tiny, ids, ratio, independent));
              }
              const live = randomIds(random, random.integer(1, 12));
              const expected = referenceLogits(tiny.model, [...sequences, sequence(live)]).slice(-live.length);
              assertClose(await context.read(live, { logits: 'all' }), expected);
              const kept = sequences.reduce(
                (sum, { anchors, whole, ids }) => sum + (whole ? ids.length : anchors.size),
                0,
              );
              assert.equal(context.rows, kept + live.length, 'only anchors stay');
            }
          });
        }
      }
    }

    it('with sequences kept whole between anchors', async () => {
      const tiny = await openTinyDecoder({});
      const random = new Random(8);
      const [pinned, first, second, live] = [
        randomIds(random, 3),
        randomIds(random, 9),
        randomIds(random, 7),
        randomIds(random, 5),
      ];
      const context = new AnchorContext(tiny.decoder, { pinned });
      await context.seal(first, { ratio: 4, choice: 'stride' });
      await context.keepWhole(second);
      const sequences = [
        sequence(pinned, [], false, true),
        anchored(tiny, first, 4),
        sequence(second, [], false, true),
      ];
      assertClose(
        await context.read(live, { logits: 'all' }),
        referenceLogits(tiny.model, [...sequences, sequence(live)]).slice(-5),
      );
      assert.equal(context.rowsFull, 3 + 9 + 7 + 5);
    });

    it('online, where every anchor closes its sequence at once, fed or generated', async () => {
      for (const scheme of ['AC', 'EP', 'mark'] as const) {
        for (const positions of ['cache', 'absolute'] as const) {
          const tiny = await openTinyDecoder({ scheme, positions, anchors_see_anchors: false });
          const random = new Random(31);
          const [pinned, ids] = [randomIds(random, 2), randomIds(random, 21)];
          if (scheme === 'EP') [4, 5, 13].forEach((t) => (ids[t] = tokenId('.')));
          const cuts = scheme === 'EP' ? [5, 6, 14] : [5, 10, 15, 20];
          const context = new AnchorContext(tiny.decoder, { pinned, reduction: 'online', onlineRatio: 5 });
          const found: Float32Array[] = [];
          for (let start = 0; start < ids.length;) {
            const size = random.integer(1, 8);
            found.push(...(await context.read(ids.slice(start, start + size), { logits: 'all' })));
            start += size;
          }
          const closed = cuts.map((end, i) => anchored(tiny, ids.slice(cuts[i - 1] ?? 0, end), 100));
          const open = sequence(ids.slice(cuts.at(-1)));
          const logits = referenceLogits(tiny.model, [sequence(pinned, [], false, true), ...closed, open]).slice(
            pinned.length,
          );
          // An added anchor's logits, not its text token's, predict what follows.
          const fed = [...closed, open].flatMap((part) => part.ids);
          const expected = logits.filter((_, i) => fed[i + 1] !== 259 + 8 || scheme !== 'AC');
          assertClose(found, expected);
          assert.equal(context.rows, pinned.length + cuts.length + open.ids.length);
          const sealed = await context.closeLive();
          assert.equal(sealed.rows, cuts.length + 1);
          assert.equal(sealed.textTokens, ids.length);
        }
      }
    });
  });

  describe('traps of released code', () => {
    it('tokens after an anchor in the same run do not see the closed sequence’s tail', async () => {
      const tiny = await openTinyDecoder({ positions: 'absolute' });
      const random = new Random(5);
      const ids = randomIds(random, 12);
      const [whole, single] = await Promise.all(
        [100, 1].map(async (size) => {
          const context = new AnchorContext(tiny.decoder, { pinned: [1], reduction: 'online', onlineRatio: 3 });
          context.groupSize = () => size;
          return (await context.read(ids, { logits: 'last' }))[0];
        }),
      );
      assertClose([whole ?? new Float32Array()], [Array.from(single ?? [])]);
    });

    it('positions go on after the text, not after the reduced cache, when they are absolute', async () => {
      const tiny = await openTinyDecoder({ positions: 'absolute' });
      const limited = new AnchorContext(tiny.decoder, { pinned: [] });
      for (let n = 0; n < 20; n++) await limited.seal(randomIds(new Random(n), 24), { ratio: 8, choice: 'stride' });
      assert.equal(limited.room, 512 - 20 * 24);
      await assert.rejects(limited.seal(randomIds(new Random(1), 33)), (error: unknown) => {
        assert.ok(AnchorageError.is(error, 'contextTooLong'));
        return true;
      });
    });

    it('anchors of one sequence are not carried over to the next', async () => {
      const tiny = await openTinyDecoder({});
      const random = new Random(6);
      const [long, short] = [randomIds(random, 20), randomIds(random, 6)];
      const context = new AnchorContext(tiny.decoder, { pinned: [1, 5] });
      await context.seal(long, { ratio: 2, choice: 'stride' });
      await context.seal(short, { ratio: 3, choice: 'stride' });
      assert.deepEqual(
        context.sequences.map(({ rows }) => rows),
        [10, 2],
      );
    });

    it('a full stop closes nothing unless the scheme is EP', async () => {
      const tiny = await openTinyDecoder({});
      const context = new AnchorContext(tiny.decoder, { pinned: [1], reduction: 'online', onlineRatio: 100 });
      await context.read([tokenId('a'), tokenId('.'), tokenId('b')], { logits: 'none' });
      assert.equal(context.rows, 4);
    });
  });

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
      const scores = await new ScoringPass(tiny.decoder, pinned).scores(ids);
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
        const rough = new AnchorContext(tiny.decoder, { pinned });
        for (const { index } of context.sequences) {
          await restored.importAnchors(context.exportAnchors(index));
          await rough.importAnchors(context.exportAnchors(index, 'fp16'));
        }
        assert.deepEqual(await restored.read(live, { logits: 'all' }), before);
        assert.deepEqual(restored.sequences, context.sequences);
        assert.equal(restored.rowsFull, context.rowsFull);
        const after = await rough.read(live, { logits: 'all' });
        const difference = Math.max(
          ...after.map((row, i) => row.reduce((d, x, j) => Math.max(d, Math.abs(x - (before[i]?.[j] ?? NaN))), 0)),
        );
        assert.ok(difference < 0.05, `half precision changed logits by ${difference}`);
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
      await placed.importAnchors(source.exportAnchors(0));
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
      const anchors = context.exportAnchors(0);
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
      context.dropLive();
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
      assert.ok(full.stopReason === 'contextFull' || full.stopReason === 'endOfText');
      assert.ok(full.tokens.length <= 9);
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
