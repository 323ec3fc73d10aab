import assert from 'node:assert/strict';
import { keptChoices } from '../../../src/protocol/batch.ts';
import type { AnchorConfig } from '../../../src/protocol/anchorConfig.ts';
import { AnchorContext } from '../../../src/engine/anchorContext.ts';
import { bestAnchors } from '../../../src/engine/anchorChoice.ts';
import { readKept } from '../../../src/engine/keptReading.ts';
import { keptRows } from '../../../src/engine/keptRows.ts';
import { Random } from '../../../src/engine/random.ts';
import { ScoringPass } from '../../../src/engine/scoringPass.ts';
import { assertClose, randomIds, sequence } from './contextFixtures.ts';
import { referenceLogits } from './referenceDecoder.ts';
import { openTinyDecoder } from './tinyDecoder.ts';
import { tokenId } from './tinyModel.ts';

const how = { keep: 'recent', ratio: 4, seed: 1, independent: false } as const;

describe('reading whole and keeping as many rows as anchors would be', function () {
  this.timeout(30_000);

  const rules: readonly Partial<AnchorConfig>[] = [
    {},
    { positions: 'absolute' },
    { scheme: 'select' },
    { scheme: 'AC', anchors_see_anchors: false },
    { scheme: 'EP', anchors_see_anchors: false, positions: 'absolute' },
  ];

  it('holds the number of rows that sealing leaves, whatever the scheme and the choice', async () => {
    for (const rule of rules) {
      const { decoder } = await openTinyDecoder(rule);
      const random = new Random(31);
      // The last is read in pieces; the endpoints of EP are among all.
      const texts = [7, 19, 53].map((count) => [...randomIds(random, count), tokenId('.'), tokenId('a')]);
      for (const pinned of [[1, 4], []]) {
        const sealed = new AnchorContext(decoder, { pinned });
        for (const text of texts) await sealed.seal(text, { ratio: 4, choice: 'stride' });
        for (const keep of keptChoices) {
          const kept = new AnchorContext(decoder, { pinned });
          await readKept(kept, texts, { ...how, keep });
          assert.equal(kept.rows, sealed.rows, `${JSON.stringify(rule)} ${keep}`);
          assert.equal(kept.rowsFull, sealed.rowsFull);
          const sum = kept.sequences.reduce((rows, each) => rows + each.rows, pinned.length);
          assert.equal(sum, kept.rows);
        }
      }
    }
  });

  it('is reading whole to the last bit where every row is kept', async () => {
    for (const positions of ['cache', 'absolute'] as const) {
      for (const independent of [false, true]) {
        const { decoder } = await openTinyDecoder({ positions });
        const random = new Random(32);
        const [one, two, live] = [randomIds(random, 15), randomIds(random, 30), randomIds(random, 6)];
        const full = new AnchorContext(decoder, { pinned: [1, 4] });
        for (const text of [one, two]) await full.keepWhole(text, { independent });
        const expected = await full.read(live, { logits: 'all' });
        for (const keep of keptChoices) {
          const kept = new AnchorContext(decoder, { pinned: [1, 4] });
          await readKept(kept, [one, two], { ...how, keep, ratio: 1, independent });
          assert.deepEqual(kept.sequences, full.sequences);
          assert.deepEqual(await kept.read(live, { logits: 'all' }), expected);
        }
      }
    }
  });

  it('reads with full attention, and shows what comes next the kept rows alone', async () => {
    for (const positions of ['cache', 'absolute'] as const) {
      const tiny = await openTinyDecoder({ scheme: 'select', positions });
      const random = new Random(33);
      const pinned = randomIds(random, 3);
      const dots = new Set([3, 11, 12, 18]);
      const text = Array.from({ length: 22 }, (_, t) => {
        return dots.has(t) ? tokenId('.') : random.integer(tokenId('a'), tokenId('z'));
      });
      const live = randomIds(random, 5);
      const scores = await new ScoringPass(tiny.decoder, pinned).scores(text, 'repeating');
      const expected = {
        recent: [16, 17, 18, 19, 20, 21],
        separators: [3, 11, 12, 18, 20, 21],
        attention: bestAnchors(scores, 4),
        random: keptRows(22, 6, 0, { keep: 'random', seed: 1 }),
      };
      for (const keep of keptChoices) {
        const context = new AnchorContext(tiny.decoder, { pinned });
        await readKept(context, [text], { ...how, keep });
        const kept = [sequence(pinned, [], false, true), sequence(text, expected[keep]), sequence(live)];
        const logits = referenceLogits(tiny.model, kept).slice(-live.length);
        assertClose(await context.read(live, { logits: 'all' }), logits);
      }
    }
  });

  it('lets later texts be sealed behind the kept rows, and be forgotten again', async () => {
    const { decoder } = await openTinyDecoder({});
    const random = new Random(34);
    const [one, two, live] = [randomIds(random, 15), randomIds(random, 16), randomIds(random, 6)];
    const context = new AnchorContext(decoder, { pinned: [1, 4] });
    await readKept(context, [one, two], how);
    assert.deepEqual(
      context.sequences.map(({ firstRow, rows, state }) => [firstRow, rows, state]),
      [
        [2, 0, 'anchored'],
        [2, 8, 'anchored'],
      ],
    );
    const before = await context.read(live, { logits: 'all' });
    context.dropLive();
    await context.seal(two, { ratio: 4, choice: 'stride' });
    assert.equal(context.rows, 14);
    context.truncateTo(2);
    assert.deepEqual(await context.read(live, { logits: 'all' }), before);
    context.truncateTo(0);
    assert.equal(context.rows, 2);
  });
});
