import assert from 'node:assert/strict';
import { AnchorContext } from '../../../src/engine/anchorContext.ts';
import { Random } from '../../../src/engine/random.ts';
import { KvBudget } from '../../../src/memory/kvBudget.ts';
import { AnchorageError } from '../../../src/protocol/errors.ts';
import { assertClose, randomIds, sequence } from './contextFixtures.ts';
import { referenceLogits } from './referenceDecoder.ts';
import { openTinyDecoder } from './tinyDecoder.ts';

describe('what an anchor context holds', function () {
  this.timeout(30_000);

  it('takes a sequence out of the middle as if those after it had been put where they come to stand', async () => {
    for (const positions of ['cache', 'absolute'] as const) {
      const tiny = await openTinyDecoder({ positions });
      const random = new Random(16);
      const pinned = randomIds(random, 3);
      const context = new AnchorContext(tiny.decoder, { pinned });
      for (let n = 0; n < 4; n++) await context.seal(randomIds(random, 15 + n), { ratio: 4 });
      const rebuilt = new AnchorContext(tiny.decoder, { pinned });
      for (const index of [0, 2, 3]) await rebuilt.importAnchors(await context.exportAnchors(index));
      await context.drop(1);
      assert.equal(context.rows, rebuilt.rows);
      const firstRows = ({ sequences }: AnchorContext): number[] => sequences.map(({ firstRow }) => firstRow);
      assert.deepEqual(firstRows(context), firstRows(rebuilt));
      assert.deepEqual(
        context.sequences.map(({ index }) => index),
        [0, 1, 2],
      );
      const live = randomIds(random, 5);
      // Under `absolute` positions what comes next keeps its place in the text, which a context built anew does not know.
      if (positions === 'cache') {
        const expected = await rebuilt.read(live, { logits: 'all' });
        assertClose(
          await context.read(live, { logits: 'all' }),
          expected.map((row) => Array.from(row)),
        );
      }
      context.truncateTo(1);
      rebuilt.truncateTo(1);
      assert.equal(context.rows, rebuilt.rows);
    }
  });

  it('tells the attention that a reading paid to each sequence, whatever groups it was read in', async () => {
    const tiny = await openTinyDecoder({});
    const random = new Random(17);
    const pinned = randomIds(random, 3);
    const texts = [randomIds(random, 12), randomIds(random, 9)];
    const live = randomIds(random, 6);
    const received: (readonly number[])[] = [];
    for (const size of [1, 2, 6]) {
      const context = new AnchorContext(tiny.decoder, { pinned });
      context.groupSize = () => size;
      for (const text of texts) await context.keepWhole(text);
      const logits = await context.read(live, { logits: 'last', wantAttention: true });
      const plain = new AnchorContext(tiny.decoder, { pinned });
      plain.groupSize = () => size;
      for (const text of texts) await plain.keepWhole(text);
      assert.deepEqual(await plain.read(live, { logits: 'last' }), logits);
      received.push(context.attention);
    }
    const heads = tiny.model.config.num_hidden_layers * tiny.model.config.num_attention_heads;
    const largest = new Map<string, number>();
    const whole = [pinned, ...texts, live].map((ids, n) => sequence(ids, [], false, n < 3));
    const first = pinned.length + 12 + 9;
    referenceLogits(tiny.model, whole, (layer, head, query, key, probability) => {
      if (query < first || key >= first) return;
      // Rows of one token's layer and head; the mean is of what each run saw, so it holds exactly for one run.
      const name = `${layer} ${head} ${key}`;
      largest.set(name, Math.max(largest.get(name) ?? 0, probability));
    });
    const expected = [0, 0];
    for (const [name, probability] of largest) {
      const key = Number(name.split(' ')[2]);
      const n = key < pinned.length + 12 ? 0 : 1;
      if (key >= pinned.length) expected[n] = (expected[n] ?? 0) + probability / heads;
    }
    received.at(-1)?.forEach((each, n) => assert.ok(Math.abs(each - (expected[n] ?? NaN)) < 1e-4));
    for (const each of received) assert.equal(each.length, 2);
  });

  it('keeps its keys and values inside an account, and goes on after it was refused', async () => {
    const tiny = await openTinyDecoder({});
    const rowBytes = new AnchorContext(tiny.decoder, { pinned: [1] }).bytesPerRow;
    const budget = new KvBudget(rowBytes * 40);
    const context = new AnchorContext(tiny.decoder, { pinned: [1, 2], account: budget });
    await context.seal(randomIds(new Random(18), 16), { ratio: 4, choice: 'stride' });
    const { rows, room } = context;
    assert.ok(room > 0 && room < 40);
    await assert.rejects(context.read(randomIds(new Random(19), room + 8), { logits: 'last' }), (error) =>
      AnchorageError.is(error, 'outOfMemory'),
    );
    assert.equal(context.rows, rows);
    await context.read(randomIds(new Random(19), room), { logits: 'last' });
    assert.ok(budget.largest <= budget.limit);
    context.release();
    assert.equal(budget.used, 0);
    await context.seal([1, 2, 3], { ratio: 2, choice: 'stride' });
    assert.equal(context.sequences.length, 1);
  });
});
