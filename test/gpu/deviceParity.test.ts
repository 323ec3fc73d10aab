import assert from 'node:assert/strict';
import { join } from 'node:path';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { convertModel } from '../../src/convert/convertModel.ts';
import { compare } from '../../src/convert/verifyVariants.ts';
import { AnchorContext } from '../../src/engine/anchorContext.ts';
import { loadPackage } from '../../src/engine/modelPackage.ts';
import { Random } from '../../src/engine/random.ts';
import { samplingSchema } from '../../src/protocol/sampling.ts';
import { randomIds } from '../unit/engine/contextFixtures.ts';
import { anchorKinds, tinyModel, writeTinyModel } from '../unit/engine/tinyModel.ts';
import { assertSame, openPair, tinyPackage, type Pair } from './deviceFixtures.ts';

describe('a decoder on a device gives what it gives on the CPU', () => {
  for (const { name, rules } of anchorKinds) {
    for (const positions of ['cache', 'absolute'] as const) {
      it(`reading and reducing sequences: ${name}, ${positions} positions`, async () => {
        const seesAnchors = rules.scheme === 'mark';
        const pair = await openPair(await tinyPackage({ ...rules, positions, anchors_see_anchors: seesAnchors }));
        const random = new Random(name.length + positions.length);
        const pinned = randomIds(random, 3);
        const [device, cpu] = pair.contexts({ pinned });
        for (let n = 0; n < 5; n++) {
          const ids = randomIds(random, random.integer(2, 24));
          const options = { ratio: random.integer(2, 8), choice: 'stride', independent: n === 3 } as const;
          for (const context of [device, cpu]) await context.seal(ids, options);
          assert.equal(device.rows, cpu.rows);
        }
        const live = randomIds(random, 20);
        assertSame(await device.read(live, { logits: 'all' }), await cpu.read(live, { logits: 'all' }));
        for (let n = 0; n < 8; n++) {
          const id = randomIds(random, 1);
          assertSame(await device.read(id, { logits: 'last' }), await cpu.read(id, { logits: 'last' }));
        }
        await pair.dispose();
      });
    }
  }

  describe('in one context after another', () => {
    let pair: Pair;
    const random = new Random(11);
    const pinned = randomIds(random, 3);

    before(async () => {
      pair = await openPair(await tinyPackage());
    });

    after(() => pair.dispose());

    it('whole sequences, and the first tokens of all, without a prefix', async () => {
      const [device, cpu] = pair.contexts({ pinned: [] });
      const live = randomIds(random, 40);
      assertSame(await device.read(live, { logits: 'all' }), await cpu.read(live, { logits: 'all' }));
    });

    it('sequences after one was taken out of the middle', async () => {
      const [device, cpu] = pair.contexts({ pinned });
      for (let n = 0; n < 4; n++) {
        const ids = randomIds(random, 10 + n);
        for (const context of [device, cpu]) await context.seal(ids, { ratio: 3, choice: 'stride' });
      }
      for (const context of [device, cpu]) {
        await context.drop(1);
        context.truncateTo(2);
      }
      const live = randomIds(random, 9);
      assertSame(await device.read(live, { logits: 'all' }), await cpu.read(live, { logits: 'all' }));
    });

    it('anchors that it chooses by their scores, and the attention that a question pays', async () => {
      const [device, cpu] = pair.contexts({ pinned });
      for (const choice of ['window', 'attention', 'learned'] as const) {
        const ids = randomIds(random, 22);
        for (const context of [device, cpu]) await context.seal(ids, { ratio: 4, choice });
      }
      const live = randomIds(random, 12);
      const options = { logits: 'all', wantAttention: true } as const;
      assertSame(await device.read(live, options), await cpu.read(live, options));
      assert.equal(device.attention.length, 3);
      device.attention.forEach((each, i) => assert.ok(Math.abs(each - (cpu.attention[i] ?? NaN)) < 1e-5));
    });

    it('anchors that went from one to the other, at other places', async () => {
      const [device, cpu] = pair.contexts({ pinned });
      for (let n = 0; n < 3; n++) {
        const ids = randomIds(random, 14);
        for (const context of [device, cpu]) await context.seal(ids, { ratio: 3, choice: 'stride' });
      }
      const [toDevice, toCpu] = pair.contexts({ pinned });
      for (const index of [2, 0]) {
        await toDevice.importAnchors(await cpu.exportAnchors(index));
        await toCpu.importAnchors(await device.exportAnchors(index));
      }
      const live = randomIds(random, 9);
      assertSame(await toDevice.read(live, { logits: 'all' }), await toCpu.read(live, { logits: 'all' }));
    });

    it('answers, token by token', async () => {
      const [device, cpu] = pair.contexts({ pinned });
      const question = randomIds(random, 6);
      const answers = [];
      for (const context of [device, cpu]) {
        await context.read(question, { logits: 'last' });
        answers.push(await context.generate(samplingSchema.parse({ maxTokens: 24 })));
      }
      assert.deepEqual(answers[0]?.tokens, answers[1]?.tokens);
      assert.ok((answers[0]?.tokens.length ?? 0) > 0);
    });
  });

  it('in 8 and in 4 bits, but for the rounding of activations', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'gpu-'));
    try {
      const { base, adapter } = await writeTinyModel(tinyModel(), folder);
      const outputFolder = join(folder, 'package');
      const variants = ['fp32', 'int8', 'int4'] as const;
      await convertModel({ source: base, adapterFolder: adapter, outputFolder, variants, name: 'tiny' });
      const pkg = await loadPackage(outputFolder, { graphs: 'hashes' });
      const ids = randomIds(new Random(21), 32);
      for (const variant of ['int8', 'int4'] as const) {
        const pair = await openPair(pkg, { variant });
        const [found, expected] = await Promise.all(
          [pair.device, pair.cpu].map(async (decoder) => {
            const rows = await new AnchorContext(decoder, { pinned: [1] }).read(ids, { logits: 'all' });
            return Float32Array.from(rows.flatMap((row) => [...row]));
          }),
        );
        const { divergence } = compare(variant, expected ?? new Float32Array(0), found ?? new Float32Array(0), 32);
        assert.ok(divergence < 0.01, `${variant} diverges by ${divergence} nats`);
        await pair.dispose();
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
