import assert from 'node:assert/strict';
import { AnchorContext } from '../../src/engine/anchorContext.ts';
import { Decoder } from '../../src/engine/decoder.ts';
import { hasDeviceGraph, type ModelPackage } from '../../src/engine/modelPackage.ts';
import { Random } from '../../src/engine/random.ts';
import { KvBudget } from '../../src/memory/kvBudget.ts';
import { AnchorageError } from '../../src/protocol/errors.ts';
import { randomIds } from '../unit/engine/contextFixtures.ts';
import { assertSame, openOnDevice, openPair, tinyPackage } from './deviceFixtures.ts';

describe('the memory of a device', () => {
  let pkg: ModelPackage;
  const pinned = [1, 2, 3];

  before(async () => {
    pkg = await tinyPackage();
  });

  it('grows with its caches, is taken of the budget, and is all given back', async () => {
    const decoder = await openOnDevice(pkg);
    const { deviceMemory } = decoder;
    assert.equal(deviceMemory.buffers, 0, 'what was tried when it was opened is gone');
    const budget = new KvBudget(1e6);
    const contexts = [1, 2].map(() => new AnchorContext(decoder, { pinned, account: budget }));
    const random = new Random(7);
    for (const context of contexts) {
      for (let n = 0; n < 12; n++) await context.seal(randomIds(random, 24), { ratio: 2, choice: 'stride' });
      assert.ok(context.rows > 100);
    }
    assert.equal(deviceMemory.buffers, 2 * 4);
    assert.equal(deviceMemory.bytes, budget.used);
    assert.ok(deviceMemory.bytes >= contexts.reduce((sum, { bytes }) => sum + bytes, 0));
    await contexts[0]?.trim();
    assert.equal(deviceMemory.bytes, budget.used);
    contexts[0]?.release();
    assert.equal(deviceMemory.buffers, 4);
    contexts[1]?.release();
    assert.deepEqual([deviceMemory.buffers, deviceMemory.bytes, budget.used], [0, 0, 0]);
    await contexts[0]?.seal(randomIds(random, 24), { ratio: 2, choice: 'stride' });
    await decoder.dispose();
    assert.equal(deviceMemory.buffers, 0);
  });

  it('may end in the middle of an answer, which goes on on the CPU with nothing lost', async () => {
    const { num_hidden_layers: layers, num_key_value_heads: kvHeads, head_dim: headDim } = pkg.config;
    const pair = await openPair(pkg, { deviceBytes: 150 * 2 * layers * kvHeads * headDim * 4 });
    const [device, cpu] = pair.contexts({ pinned });
    const [other, otherOnCpu] = pair.contexts({ pinned });
    const random = new Random(8);
    for (let n = 0; n < 3; n++) {
      const ids = randomIds(random, 20);
      for (const context of [device, cpu]) await context.seal(ids, { ratio: 4, choice: 'stride' });
    }
    assert.equal(pair.device.executionProvider, 'webgpu');
    for (let n = 0; n < 150; n++) {
      const id = randomIds(random, 1);
      assertSame(await device.read(id, { logits: 'last' }), await cpu.read(id, { logits: 'last' }));
    }
    assert.equal(pair.device.executionProvider, 'cpu');
    assert.match(pair.device.deviceProblem?.message ?? '', /its memory is full/);
    assert.equal(pair.device.deviceMemory.buffers, 0);
    device.dropLive();
    cpu.dropLive();
    const ids = randomIds(random, 18);
    for (const context of [device, cpu]) await context.seal(ids, { ratio: 4, choice: 'window' });
    assertSame(await device.read(ids, { logits: 'all' }), await cpu.read(ids, { logits: 'all' }));
    for (const context of [other, otherOnCpu]) await context.seal(ids, { ratio: 4, choice: 'stride' });
    assertSame(await other.read(ids, { logits: 'all' }), await otherOnCpu.read(ids, { logits: 'all' }));
    await pair.dispose();
  });

  it('is lost with the device: its contexts say so until they are made anew, then all runs on the CPU', async () => {
    const pair = await openPair(pkg);
    const [device, cpu] = pair.contexts({ pinned });
    const random = new Random(9);
    const texts = [randomIds(random, 18), randomIds(random, 18)];
    await device.seal(texts[0] ?? [], { ratio: 4, choice: 'window' });
    pair.device.deviceMemory.lose('the device was lost');
    const isLost = (error: unknown): boolean => AnchorageError.is(error, 'deviceFailed');
    await assert.rejects(device.seal(texts[1] ?? [], { ratio: 4, choice: 'window' }), isLost);
    await assert.rejects(device.read(randomIds(random, 2), { logits: 'last' }), isLost);
    await assert.rejects(device.exportAnchors(0), isLost);
    device.release();
    for (const context of [device, cpu]) {
      for (const ids of texts) await context.seal(ids, { ratio: 4, choice: 'window' });
    }
    const live = randomIds(random, 5);
    assertSame(await device.read(live, { logits: 'all' }), await cpu.read(live, { logits: 'all' }));
    assert.equal(pair.device.executionProvider, 'cpu');
    await pair.dispose();
  });

  it('is not asked for where a package has no graph for it', async () => {
    assert.equal(hasDeviceGraph(pkg, 'fp32'), true);
    const older = { ...pkg, files: pkg.files.filter(({ path }) => !path.includes('gqa')) };
    assert.equal(hasDeviceGraph(older, 'fp32'), false);
    await assert.rejects(openOnDevice(older), (error) => AnchorageError.is(error, 'unsupported'));
    const decoder = await Decoder.create(older, { variant: 'fp32', threads: 1 });
    await decoder.dispose();
  });

  it('is not used through a provider that this onnxruntime does not have', async () => {
    await assert.rejects(openOnDevice(pkg, { executionProvider: 'coreml' }), (error) =>
      AnchorageError.is(error, 'deviceFailed'),
    );
  });
});
