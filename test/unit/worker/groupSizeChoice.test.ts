import assert from 'node:assert/strict';
import { Decoder } from '../../../src/engine/decoder.ts';
import { KvBudget } from '../../../src/memory/kvBudget.ts';
import { AnchorageError } from '../../../src/protocol/errors.ts';
import { chooseDecoderGroupSize, chooseGroupSize } from '../../../src/worker/groupSizeChoice.ts';
import { buildTinyPackage, openTinyDecoder } from '../engine/tinyDecoder.ts';
import { tinyModel } from '../engine/tinyModel.ts';
import { withFolder } from '../memory/memoryFixtures.ts';

describe('group size', function () {
  this.timeout(30_000);
  const never = new AbortController().signal;

  /** A decoder that takes so many milliseconds for a group, on a clock that nothing else moves. */
  async function chosen(milliseconds: (tokens: number, run: number) => number): Promise<{
    groupTokens: number;
    measured: number[];
    isSteady: boolean;
    read: number[];
  }> {
    let now = 0;
    const read: number[] = [];
    const { groupTokens, measured, isSteady } = await chooseGroupSize(
      async (tokens) => {
        now += milliseconds(tokens, read.length);
        read.push(tokens);
      },
      never,
      () => now,
    );
    return { groupTokens, measured: measured.map(({ tokens }) => tokens), isSteady, read };
  }

  it('is the smallest within 5% of the fastest', async () => {
    assert.equal((await chosen((tokens) => 10 + tokens / 4)).groupTokens, 256);
    assert.equal((await chosen((tokens) => tokens / 4)).groupTokens, 16);
    assert.equal((await chosen((tokens) => 2 + tokens / 4)).groupTokens, 128);
    // Slower again where the attention within a group begins to count.
    assert.equal((await chosen((tokens) => 8 + tokens / 8 + tokens ** 2 / 1000)).groupTokens, 64);
  });

  it('has no run that Stop would have to wait for, and tries no larger one', async () => {
    const { groupTokens, measured, read } = await chosen((tokens) => 20 + tokens);
    assert.equal(groupTokens, 128);
    assert.deepEqual(measured, [16, 32, 64, 128]);
    assert.equal(read.filter((tokens) => tokens === 256).length, 3);
    const slow = await chosen((tokens) => tokens * 20);
    assert.equal(slow.groupTokens, 16);
    assert.deepEqual([slow.measured, slow.read], [[], [16, 16, 16]]);
  });

  it('is not misled by a run that was slow once', async () => {
    const quiet = (tokens: number): number => 2 + tokens / 4;
    const disturbed = await chosen((tokens, run) => quiet(tokens) + (run % 11 === 0 ? 90 : 0));
    assert.equal(disturbed.groupTokens, 128);
    assert.ok(disturbed.isSteady);
  });

  it('tells when the machine was busy with something else', async () => {
    const busy = await chosen((tokens, run) => (2 + tokens / 8) * (run % 3 === 0 ? 1 : 2));
    assert.ok(!busy.isSteady);
  });

  it('stops between two runs', async () => {
    const abort = new AbortController();
    let runs = 0;
    const reading = chooseGroupSize(async () => {
      if (++runs === 3) abort.abort();
    }, abort.signal);
    await assert.rejects(reading, (error) => AnchorageError.is(error, 'cancelled'));
    assert.equal(runs, 3);
  });

  it('is measured on a decoder, whose memory is given back, also when it is stopped', () =>
    withFolder(async (folder) => {
      const { package: built } = await buildTinyPackage(tinyModel({}, { max_position_embeddings: 1024 }), folder);
      const decoder = await Decoder.create(built, { variant: 'fp32', threads: 1 });
      const budget = new KvBudget(4e6);
      const choice = await chooseDecoderGroupSize(decoder, budget, never);
      assert.ok(choice !== null && choice.measured.some(({ tokens }) => tokens === choice.groupTokens));
      assert.equal(budget.used, 0);
      // Over a past of some length.
      assert.ok(budget.largest > 384 * 256);
      const abort = new AbortController();
      const stopped = chooseDecoderGroupSize(decoder, budget, abort.signal);
      abort.abort();
      await assert.rejects(stopped, (error) => AnchorageError.is(error, 'cancelled'));
      assert.equal(budget.used, 0);
      await decoder.dispose();
    }));

  it('is not measured where there is no room to', async () => {
    const { decoder } = await openTinyDecoder({});
    assert.equal(await chooseDecoderGroupSize(decoder, new KvBudget(1000), never), null);
  });
});
