import assert from 'node:assert/strict';
import { AnchorageError } from '../../../src/protocol/errors.ts';
import { Calibration, type CalibrationOptions } from '../../../src/worker/calibration.ts';
import { MachineProfile } from '../../../src/worker/machineProfile.ts';
import { probeInChild } from '../../../src/worker/probeChild.ts';
import type { ExecutionProvider } from '../../../src/protocol/executionProvider.ts';
import { withFolder } from '../memory/memoryFixtures.ts';
import { withFakeProbe } from './workerFixtures.ts';

const identity = { onnxruntime: '1.30.0', platform: 'linux-x64', cpu: 'A CPU', gpu: '0123' };

describe('calibration', function () {
  this.timeout(30_000);
  const never = new AbortController().signal;

  interface Setting {
    readonly calibration: Calibration;
    readonly profile: MachineProfile;
    /** What was done, in its order. */
    readonly done: string[];
  }

  /** A model on the CPU, on a machine whose providers end as told when they are really tried by a process. */
  function withModel(
    ends: Readonly<Record<string, string>>,
    test: (setting: Setting) => Promise<void>,
    more: Partial<CalibrationOptions> = {},
  ): Promise<void> {
    return withFolder((folder) =>
      withFakeProbe(ends, async (workerPath) => {
        const profile = new MachineProfile(folder, identity);
        const done: string[] = [];
        const calibration = new Calibration({
          profile,
          facts: {
            wanted: 'auto',
            built: new Set(['cpu', ...Object.keys(ends)]),
            canOpen: () => true,
            outcome: (each) => profile.outcome(each, 'a int8'),
          },
          executionProvider: 'cpu',
          group: { model: 'a int8', executionProvider: 'cpu', threads: 2 },
          groupTokens: 64,
          probe: (each, signal) => {
            done.push(each);
            return probeInChild(each, { workerPath, signal, timeout: 1500 });
          },
          measure: async () => {
            done.push('measure');
            return { groupTokens: 32, measured: [{ tokens: 32, tokensPerSecond: 900 }], isSteady: true };
          },
          ...more,
        });
        await test({ calibration, profile, done });
      }),
    );
  }

  for (const [how, words] of [
    ['hangs', /CUDA did not finish a test within 1\.5 s/],
    ['crashes', /CUDA ended the process that tested it/],
    ['wrong', /CUDA computed wrong numbers/],
  ] as const) {
    it(`takes the next provider where the first ${how === 'wrong' ? 'is wrong' : how}, from the next start on, and says so`, () =>
      withModel({ cuda: how, webgpu: 'works' }, async ({ calibration, done }) => {
        assert.match(calibration.reason, /^CPU, because CUDA and WebGPU have not been tried/);
        await calibration.run(never);
        assert.deepEqual(done, ['cuda', 'webgpu', 'measure']);
        assert.match(calibration.reason, /^CPU until the worker is started again, then WebGPU, because [^\n]+\.$/);
        assert.ok(calibration.lines.some(({ name, detail }) => name === 'Tried: CUDA' && words.test(detail)));
      }));

    it(`stays on the CPU where the only one ${how === 'wrong' ? 'is wrong' : how}, and says why and what to do`, () =>
      withModel({ cuda: how }, async ({ calibration }) => {
        await calibration.run(never);
        assert.match(calibration.reason, words);
        assert.match(calibration.reason, /^CPU, because [^\n]+; update the graphics driver, [^\n]+\.$/);
      }));
  }

  it('tries no more than the first that works, and nothing twice', () =>
    withModel({ cuda: 'works', webgpu: 'works' }, async ({ calibration, profile, done }) => {
      assert.ok(calibration.isDue);
      await calibration.run(never);
      assert.ok(!calibration.isDue);
      await calibration.run(never);
      assert.deepEqual(done, ['cuda', 'measure']);
      assert.equal(profile.group({ model: 'a int8', executionProvider: 'cpu', threads: 2 })?.groupTokens, 32);
    }));

  it('keeps what was found when it is stopped, and goes on from there', () =>
    withModel({ cuda: 'crashes', webgpu: 'hangs' }, async ({ calibration, profile, done }) => {
      const abort = new AbortController();
      setTimeout(() => abort.abort(), 800);
      await assert.rejects(calibration.run(abort.signal), (error) => AnchorageError.is(error, 'cancelled'));
      assert.equal(profile.outcome('cuda', 'a int8')?.kind, 'crashed');
      assert.equal(profile.outcome('webgpu', 'a int8'), undefined);
      await calibration.run(never);
      assert.deepEqual(done, ['cuda', 'webgpu', 'webgpu', 'measure']);
    }));

  it('tries again what is known when it is told to', () =>
    withModel({ cuda: 'works' }, async ({ calibration, profile, done }) => {
      profile.noteOutcome('cuda', 'a int8', { kind: 'noDevice', problem: 'none' });
      assert.match(calibration.reason, /found no device \(none\)/);
      await calibration.tryProvidersAgain(never);
      assert.deepEqual(done, ['cuda']);
      assert.match(calibration.reason, /then CUDA, because/);
    }));

  it('tries one provider at a time', async () => {
    let running = 0;
    const probe = async (): Promise<{ kind: 'hung'; seconds: number }> => {
      assert.equal(++running, 1);
      await new Promise((resolve) => setTimeout(resolve, 20));
      running--;
      return { kind: 'hung', seconds: 1 };
    };
    await withModel(
      { cuda: '', webgpu: '' },
      async ({ calibration, profile }) => {
        await Promise.all([calibration.run(never), calibration.tryProvidersAgain(never)]);
        assert.deepEqual(profile.tried.map((each): ExecutionProvider => each.executionProvider).sort(), [
          'cuda',
          'webgpu',
        ]);
      },
      { probe },
    );
  });

  it('does not keep what was measured on a busy machine', () =>
    withModel(
      {},
      async ({ calibration, profile }) => {
        await calibration.run(never);
        assert.equal(profile.group({ model: 'a int8', executionProvider: 'cpu', threads: 2 }), undefined);
        assert.ok(!calibration.isDue);
      },
      { measure: async () => ({ groupTokens: 16, measured: [], isSteady: false }) },
    ));

  it('has nothing to do where nothing could be remembered', () =>
    withModel(
      { cuda: 'works' },
      async ({ calibration }) => {
        assert.ok(!calibration.isDue);
        assert.ok(calibration.lines.some(({ detail }) => /no folder/.test(detail)));
      },
      { profile: new MachineProfile(null, identity) },
    ));
});
