import assert from 'node:assert/strict';
import { AnchorageError } from '../../../src/protocol/errors.ts';
import { AnchorContext } from '../../../src/engine/anchorContext.ts';
import { Random } from '../../../src/engine/random.ts';
import { anchored, assertClose, randomIds, sequence } from './contextFixtures.ts';
import { referenceLogits } from './referenceDecoder.ts';
import { anchorKinds, tokenId } from './tinyModel.ts';
import { openTinyDecoder } from './tinyDecoder.ts';

describe('streaming', function () {
  this.timeout(30_000);

  describe('a streamed run that reduces after each sequence equals one masked forward', () => {
    for (const { name, rules } of anchorKinds) {
      for (const positions of ['cache', 'absolute'] as const) {
        for (const seesAnchors of [true, false]) {
          it(`${name}, ${positions} positions, anchors ${seesAnchors ? 'see' : 'do not see'} anchors`, async () => {
            const tiny = await openTinyDecoder({ ...rules, positions, anchors_see_anchors: seesAnchors });
            const random = new Random(name.length + positions.length + Number(seesAnchors));
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
});
