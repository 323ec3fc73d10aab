import assert from 'node:assert/strict';
import { join } from 'node:path';
import { workerPath } from '../../../src/cli/packagePaths.ts';
import { AnchorageError } from '../../../src/protocol/errors.ts';
import { probeInChild } from '../../../src/worker/probeChild.ts';
import type { ExecutionProvider } from '../../../src/protocol/executionProvider.ts';
import { explain, type ProviderOutcome } from '../../../src/worker/providerOutcome.ts';
import { buildTinyPackage } from '../engine/tinyDecoder.ts';
import { tinyModel } from '../engine/tinyModel.ts';
import { withFolder } from '../memory/memoryFixtures.ts';
import { withFakeProbe } from './workerFixtures.ts';

describe('probe', function () {
  this.timeout(60_000);
  const never = new AbortController().signal;

  async function ending(how: string, executionProvider: ExecutionProvider = 'webgpu'): Promise<ProviderOutcome> {
    return withFakeProbe({ [executionProvider]: how }, (fakeProbePath) =>
      probeInChild(executionProvider, { workerPath: fakeProbePath, signal: never, timeout: 1500 }),
    );
  }

  it('tells apart how a provider fails', async () => {
    assert.deepEqual(await ending('works'), { kind: 'works', difference: 1e-6 });
    assert.deepEqual(await ending('wrong'), { kind: 'wrong', difference: 0.07, allowed: 0.02 });
    assert.deepEqual(await ending('no number'), { kind: 'wrong', difference: null, allowed: 0.02 });
    assert.deepEqual(await ending('no adapter'), {
      kind: 'noDevice',
      problem: 'Failed to get a WebGPU adapter: No supported adapters',
    });
    assert.deepEqual(await ending('no library', 'cuda'), {
      kind: 'noDevice',
      problem: 'Failed to load shared library',
    });
    assert.deepEqual(await ending('refuses'), { kind: 'failed', problem: 'Kernel not found for GroupQueryAttention' });
    assert.deepEqual(await ending('exits'), { kind: 'crashed', how: 'with exit code 3' });
    // Windows knows no signals: a process that one ends there has an exit code alone.
    const crash = await ending('crashes');
    assert.deepEqual(crash, { kind: 'crashed', how: process.platform === 'win32' ? 'with exit code 1' : 'by SIGSEGV' });
  });

  it('kills a probe that hangs when its time is up', async () => {
    const begin = performance.now();
    assert.deepEqual(await ending('hangs'), { kind: 'hung', seconds: 1.5 });
    assert.ok(performance.now() - begin < 10_000);
  });

  it('is killed by its signal at once', async () => {
    const abort = new AbortController();
    const begin = performance.now();
    const probed = withFakeProbe({ webgpu: 'hangs' }, (fakeProbePath) =>
      probeInChild('webgpu', { workerPath: fakeProbePath, signal: abort.signal }),
    );
    setTimeout(() => abort.abort(), 300);
    await assert.rejects(probed, (error) => AnchorageError.is(error, 'cancelled'));
    assert.ok(performance.now() - begin < 5000);
  });

  it('gives every failure a cause and something to do', () => {
    const failures = [
      { kind: 'notBuilt' },
      { kind: 'noDevice', problem: 'No supported adapters' },
      { kind: 'failed', problem: 'Kernel not found' },
      { kind: 'hung', seconds: 60 },
      { kind: 'crashed', how: 'by SIGSEGV' },
      { kind: 'wrong', difference: 0.0704, allowed: 0.02 },
      { kind: 'wrong', difference: null, allowed: 0.02 },
      { kind: 'workerDied' },
    ] as const;
    const sentences = failures.map((failure) => {
      const { cause, remedy } = explain('webgpu', failure);
      assert.match(
        `CPU, because ${cause}; ${remedy}.`,
        /^CPU, because [^\n]*WebGPU[^\n]*; (set|install|update) [^\n]+\.$/,
      );
      return cause;
    });
    assert.equal(new Set(sentences).size, failures.length);
    assert.match(sentences[3] ?? '', /60 s/);
    assert.match(sentences[4] ?? '', /SIGSEGV/);
    assert.match(sentences[5] ?? '', /7% from the CPU's, where 2% is allowed/);
  });

  it('finds that the CPU computes what the CPU does, with the graph that providers are tried with', async () => {
    const outcome = await probeInChild('cpu', { workerPath, signal: never });
    assert.deepEqual(outcome, { kind: 'works', difference: 0 });
  });

  it('tries the own graph of a package too', () =>
    withFolder(async (folder) => {
      const { package: built } = await buildTinyPackage(tinyModel({}), folder);
      const model = { packageFolder: built.folder, variant: 'fp32', groupTokens: 16 } as const;
      const outcome = await probeInChild('cpu', { workerPath, signal: never, model });
      assert.ok(outcome.kind === 'works' && outcome.difference === 0);
      // The CPU against itself: about as fast.
      assert.ok(outcome.timeShare !== undefined && outcome.timeShare > 0.05 && outcome.timeShare < 20);
      const missing = { ...model, packageFolder: join(folder, 'missing') };
      const failed = await probeInChild('cpu', { workerPath, signal: never, model: missing });
      assert.ok(failed.kind === 'failed' && failed.problem.includes('missing'));
      const wrong = await withFakeProbe({ webgpu: 'wrong on the model' }, (fakeProbePath) =>
        probeInChild('webgpu', { workerPath: fakeProbePath, signal: never, model }),
      );
      assert.deepEqual(wrong, { kind: 'wrong', difference: 0.3, allowed: 0.1 });
    }));

  it('ends in some way for the GPU of this machine', async () => {
    const outcome = await probeInChild('webgpu', { workerPath, signal: never });
    assert.ok(['works', 'noDevice', 'failed', 'wrong', 'crashed'].includes(outcome.kind), JSON.stringify(outcome));
  });
});
