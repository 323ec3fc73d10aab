import assert from 'node:assert/strict';
import { workerPath } from '../../../src/cli/packagePaths.ts';
import { loadOnnxRuntime } from '../../../src/engine/onnxRuntime.ts';
import { chooseProvider } from '../../../src/worker/executionProvider.ts';
import { fakeWorkerPath } from './workerFixtures.ts';

/** Those that this build of onnxruntime has beside the CPU and that are wanted; on Linux, WebGPU at least. */
async function others(): Promise<string[]> {
  const { listSupportedBackends } = await loadOnnxRuntime();
  const wanted = ['coreml', 'cuda', 'dml', 'webgpu'];
  const names = listSupportedBackends().map(({ name }): string => name);
  const found = wanted.filter((name) => names.includes(name));
  assert.notDeepEqual(found, []);
  return found;
}

describe('execution provider', function () {
  this.timeout(30_000);

  it('is the CPU for now, with a reason of one sentence and every other one tried', async () => {
    const { executionProvider, reason, probes } = await chooseProvider('auto', workerPath);
    assert.equal(executionProvider, 'cpu');
    assert.match(reason, /^CPU, because [^\n]+\.$/);
    assert.deepEqual(probes.map((probe) => probe.executionProvider).sort(), await others());
    for (const probe of probes) assert.ok(probe.works || probe.problem !== '');
  });

  it('says why the one that was asked for is not used', async () => {
    const { executionProvider, reason } = await chooseProvider('webgpu', workerPath);
    assert.equal(executionProvider, 'cpu');
    assert.match(reason, /^CPU, because WebGPU cannot be used: ./);
  });

  it('tries nothing else where the CPU is asked for', async () => {
    assert.deepEqual(await chooseProvider('cpu', workerPath), {
      executionProvider: 'cpu',
      reason: 'CPU, because the settings ask for it.',
      probes: [],
    });
  });

  it('survives a probe that ends without an answer', async () => {
    // The fake worker runs no probe: it waits for messages, finds none, and ends.
    const { executionProvider, probes } = await chooseProvider('auto', fakeWorkerPath);
    assert.equal(executionProvider, 'cpu');
    assert.equal(probes.length, (await others()).length);
    for (const probe of probes) assert.ok(!probe.works && probe.problem !== '');
  });
});
