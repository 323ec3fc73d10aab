import assert from 'node:assert/strict';
import { chooseProvider, type ProviderFacts } from '../../../src/worker/executionProvider.ts';
import type { ExecutionProvider } from '../../../src/protocol/executionProvider.ts';
import type { ProviderOutcome } from '../../../src/worker/providerOutcome.ts';

const works: ProviderOutcome = { kind: 'works', difference: 1e-6 };
const absent: ProviderOutcome = { kind: 'noDevice', problem: 'none' };

describe('execution provider', () => {
  function choose(
    outcomes: Partial<Record<ExecutionProvider, ProviderOutcome>>,
    facts: Partial<ProviderFacts> = {},
  ): ReturnType<typeof chooseProvider> {
    return chooseProvider({
      wanted: 'auto',
      built: new Set(['cpu', 'cuda', 'webgpu']),
      canOpen: () => true,
      outcome: (each) => outcomes[each],
      ...facts,
    });
  }

  it('is the CPU until others have been tried, the best first', () => {
    const { executionProvider, reason, untried } = choose({});
    assert.equal(executionProvider, 'cpu');
    assert.deepEqual(untried, ['cuda', 'webgpu']);
    assert.match(reason, /^CPU, because CUDA and WebGPU have not been tried [^\n]+\.$/);
  });

  it('is the next one where the first fails, and the first where both work', () => {
    for (const failure of [
      absent,
      { kind: 'hung', seconds: 60 },
      { kind: 'crashed', how: 'by SIGSEGV' },
      { kind: 'wrong', difference: 0.5, allowed: 0.02 },
      { kind: 'failed', problem: 'x' },
      { kind: 'workerDied' },
    ] as const) {
      const { executionProvider, untried } = choose({ cuda: failure, webgpu: works });
      assert.equal(executionProvider, 'webgpu');
      assert.deepEqual(untried, []);
    }
    assert.equal(choose({ cuda: works, webgpu: works }).executionProvider, 'cuda');
  });

  it('is not one that works and is slower than the CPU, unless it was asked for', () => {
    const slow: ProviderOutcome = { kind: 'works', difference: 1e-6, timeShare: 2.25 };
    const chosen = choose({ cuda: absent, webgpu: slow });
    assert.equal(chosen.executionProvider, 'cpu');
    assert.match(chosen.reason, /^CPU, because WebGPU works here but took 2\.3 times as long [^\n]+\.$/);
    assert.equal(choose({ cuda: slow, webgpu: { ...works, timeShare: 0.5 } }).executionProvider, 'webgpu');
    assert.equal(choose({ webgpu: slow }, { wanted: 'webgpu' }).executionProvider, 'webgpu');
  });

  it('is one that works while a better one has not been tried', () => {
    const { executionProvider, untried } = choose({ webgpu: works });
    assert.equal(executionProvider, 'webgpu');
    assert.deepEqual(untried, ['cuda']);
  });

  it('says of several failures the one that tells most, with what to do about it', () => {
    const { reason } = choose({ cuda: { kind: 'crashed', how: 'by SIGSEGV' }, webgpu: absent });
    assert.match(reason, /^CPU, because CUDA [^\n]*SIGSEGV; update the graphics driver, [^\n]+\.$/);
    assert.match(choose({ cuda: absent, webgpu: absent }).reason, /^CPU, because WebGPU found no device/);
  });

  it('is the one that was asked for or the CPU, with the reason', () => {
    assert.deepEqual(choose({ cuda: works }, { wanted: 'cpu' }), {
      executionProvider: 'cpu',
      reason: 'CPU, because the settings ask for it.',
      untried: [],
    });
    const asked = choose({ cuda: works, webgpu: absent }, { wanted: 'webgpu' });
    assert.equal(asked.executionProvider, 'cpu');
    assert.match(asked.reason, /WebGPU found no device/);
    assert.match(choose({}, { wanted: 'dml' }).reason, /^CPU, because onnxruntime has no DirectML on /);
    assert.deepEqual(choose({}, { wanted: 'dml' }).untried, []);
  });

  it('says that the package is what is missing', () => {
    const { executionProvider, reason } = choose({ cuda: absent, webgpu: works }, { canOpen: () => false });
    assert.equal(executionProvider, 'cpu');
    assert.match(reason, /no graph for WebGPU, which would work here/);
  });

  it('says that there is nothing else', () => {
    assert.match(choose({}, { built: new Set(['cpu']) }).reason, /nothing else for this platform/);
  });
});
