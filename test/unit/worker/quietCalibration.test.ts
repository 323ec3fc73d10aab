import assert from 'node:assert/strict';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { workerPath } from '../../../src/cli/packagePaths.ts';
import { physicalCores } from '../../../src/engine/onnxRuntime.ts';
import { AnchorageError } from '../../../src/protocol/errors.ts';
import { diagnoseRequest, loadModelRequest, tryProvidersRequest } from '../../../src/protocol/worker.ts';
import type { ModelCalibration } from '../../../src/worker/calibration.ts';
import { machineIdentity } from '../../../src/worker/machineIdentity.ts';
import { MachineProfile } from '../../../src/worker/machineProfile.ts';
import { QuietCalibration } from '../../../src/worker/quietCalibration.ts';
import { RequestQueue } from '../../../src/worker/requestQueue.ts';
import { buildTinyPackage } from '../engine/tinyDecoder.ts';
import { tinyModel } from '../engine/tinyModel.ts';
import { withFolder } from '../memory/memoryFixtures.ts';
import { FakeModel } from './fakeModel.ts';
import { fakeLoad, withWorker } from './workerFixtures.ts';

const never = new AbortController().signal;

/** Work of so many steps of 5 ms. */
class Steps implements ModelCalibration {
  readonly lines = [];
  readonly #count: number;
  readonly events: string[] = [];
  done = 0;

  constructor(count: number) {
    this.#count = count;
  }

  get reason(): string {
    return `step ${this.done}`;
  }

  get isDue(): boolean {
    return this.done < this.#count;
  }

  async run(signal: AbortSignal): Promise<void> {
    this.events.push('begins');
    while (this.isDue) {
      await sleep(5);
      if (signal.aborted) throw new AnchorageError('cancelled', 'stopped');
      this.done++;
    }
    this.events.push('ends');
  }

  async tryProvidersAgain(): Promise<void> {}

  noteAnswer(): void {}
}

describe('calibration in quiet moments', function () {
  this.timeout(60_000);

  function begun(
    steps: Steps,
    quietMs: number,
  ): { calibration: QuietCalibration; queue: RequestQueue; told: string[] } {
    const told: string[] = [];
    const queue = new RequestQueue({ idleLimit: 2, onIdleError: (error) => assert.fail(String(error)) });
    const onChange = ({ calibration }: { calibration: ModelCalibration }): number => told.push(calibration.reason);
    const calibration = new QuietCalibration(queue, onChange, quietMs);
    const model = new FakeModel({ read: 0, write: 0 }, 'fake', steps);
    Object.defineProperty(model, 'info', { get: () => ({ executionProviderReason: steps.reason }) });
    calibration.begin(model);
    return { calibration, queue, told };
  }

  it('waits until nobody has asked for a while', async () => {
    const steps = new Steps(2);
    const { calibration, told } = begun(steps, 60);
    for (let request = 0; request < 5; request++) {
      await calibration.whileAsked(() => sleep(30));
    }
    assert.deepEqual(steps.events, []);
    await sleep(300);
    assert.deepEqual(steps.events, ['begins', 'ends']);
    assert.deepEqual(told, ['step 2']);
  });

  it('is stopped by a request at once, tells what it found by then, and goes on when it is quiet again', async () => {
    const steps = new Steps(30);
    const { calibration, queue, told } = begun(steps, 40);
    await sleep(80);
    const begin = performance.now();
    const request = async (): Promise<number> => steps.events.push('request');
    await queue.run(never, () => calibration.whileAsked(request));
    assert.ok(performance.now() - begin < 50);
    await sleep(10);
    assert.deepEqual(steps.events, ['begins', 'request']);
    await sleep(500);
    assert.deepEqual(steps.events, ['begins', 'request', 'begins', 'ends']);
    assert.equal(told.length, 2);
  });

  it('does nothing once it is stopped, nor where nothing is due', async () => {
    const steps = new Steps(2);
    begun(steps, 20).calibration.stop();
    const idle = new Steps(0);
    begun(idle, 20);
    await sleep(80);
    assert.deepEqual([steps.events, idle.events], [[], []]);
  });

  it('tries, and goes by what is remembered, in a worker that nobody asks anything', () =>
    withFolder(async (folder) => {
      const { package: built } = await buildTinyPackage(tinyModel({}), join(folder, 'model'));
      const profileFolder = join(folder, 'profile');
      const load = { ...fakeLoad, packageFolder: built.folder };
      const changed = Promise.withResolvers<string>();
      const listener = {
        onModelChanged: ({ executionProviderReason }: { executionProviderReason: string }) =>
          changed.resolve(executionProviderReason),
      };
      const options = { workerPath, storageFolder: null, profileFolder, listener };
      let onnxruntime = '';
      await withWorker(options, async (worker) => {
        ({ onnxruntime } = worker.info);
        const { executionProviderReason } = await worker.request(loadModelRequest, load);
        assert.match(executionProviderReason, /not been tried/);
        const reason = await changed.promise;
        assert.doesNotMatch(reason, /not been tried/);
        const again = await worker.request(tryProvidersRequest, {});
        assert.equal(again.executionProviderReason, reason);
      });
      const profile = new MachineProfile(profileFolder, machineIdentity(onnxruntime));
      assert.ok(profile.tried.length > 0);
      const group = { model: `${built.fingerprint} fp32`, executionProvider: 'cpu', threads: physicalCores() } as const;
      profile.noteGroup({ ...group, groupTokens: 48, measured: [{ tokens: 48, tokensPerSecond: 900 }] });
      await withWorker(options, async (worker) => {
        const { executionProviderReason } = await worker.request(loadModelRequest, load);
        assert.doesNotMatch(executionProviderReason, /not been tried/);
        const { checks } = await worker.request(diagnoseRequest, {});
        const size = checks.find(({ name }) => name === 'Tokens read at a time');
        assert.ok(size?.detail.startsWith('48, measured on '), size?.detail);
        assert.ok(checks.some(({ name }) => name.startsWith('Tried: ')));
        assert.ok(checks.some(({ detail }) => detail === join(profileFolder, 'machine.json')));
      });
    }));
});
