import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { Decoder } from '../../../src/engine/decoder.ts';
import type { ModelPackage } from '../../../src/engine/modelPackage.ts';
import { AnchorageError } from '../../../src/protocol/errors.ts';
import { MachineProfile } from '../../../src/worker/machineProfile.ts';
import { openDecoder, type DecoderSource } from '../../../src/worker/openDecoder.ts';
import { buildTinyPackage, openTinyDecoder } from '../engine/tinyDecoder.ts';
import { tinyModel } from '../engine/tinyModel.ts';
import { withFolder } from '../memory/memoryFixtures.ts';

const identity = { onnxruntime: '1.30.0', platform: 'linux-x64', cpu: 'A CPU', gpu: '0123' };
const wanted = { variant: 'fp32', threads: 1, executionProvider: 'auto' } as const;

describe('decoder of a model', function () {
  this.timeout(30_000);

  /** The engine's decoders, as if it had one for WebGPU too. */
  /** Whatever provider is asked for, the CPU stands in for it. */
  function source(open: DecoderSource['open'] = (pkg, _, options) => Decoder.create(pkg, options)): DecoderSource {
    return { built: async () => new Set(['cpu', 'webgpu']), canOpen: () => true, open };
  }

  function tested(folder: string, { fingerprint }: ModelPackage): MachineProfile {
    const profile = new MachineProfile(folder, identity);
    profile.noteOutcome('webgpu', `${fingerprint} fp32`, { kind: 'works', difference: 0 });
    return profile;
  }

  it("is the CPU's while nothing is known, and tries nothing", () =>
    withFolder(async (folder) => {
      const { decoder } = await openTinyDecoder({});
      const profile = new MachineProfile(folder, identity);
      const opened = await openDecoder(decoder.package, wanted, profile, source());
      assert.equal(opened.executionProvider, 'cpu');
      assert.deepEqual(profile.tried, []);
      await opened.decoder.dispose();
    }));

  it('is that of a provider that is known to work, and reads groups of the size that was measured on it', () =>
    withFolder(async (folder) => {
      const { decoder } = await openTinyDecoder({});
      const profile = tested(folder, decoder.package);
      const model = `${decoder.package.fingerprint} fp32`;
      profile.noteGroup({ model, executionProvider: 'cpu', threads: 1, groupTokens: 32, measured: [] });
      profile.noteGroup({ model, executionProvider: 'webgpu', threads: 1, groupTokens: 256, measured: [] });
      const onGpu = await openDecoder(decoder.package, wanted, profile, source());
      assert.deepEqual([onGpu.executionProvider, onGpu.decoder.groupTokens], ['webgpu', 256]);
      profile.endFirstUse();
      const onCpu = await openDecoder(decoder.package, { ...wanted, executionProvider: 'cpu' }, profile, source());
      assert.deepEqual([onCpu.executionProvider, onCpu.decoder.groupTokens], ['cpu', 32]);
      await Promise.all([onGpu.decoder.dispose(), onCpu.decoder.dispose()]);
    }));

  it("is the CPU's where a provider that passed its test cannot open the model, which is noted", () =>
    withFolder(async (folder) => {
      const { decoder } = await openTinyDecoder({});
      const profile = tested(folder, decoder.package);
      const refusing = source(async (pkg, executionProvider, options) => {
        if (executionProvider === 'webgpu') throw new AnchorageError('internal', 'Too large a buffer.');
        return Decoder.create(pkg, options);
      });
      const opened = await openDecoder(decoder.package, wanted, profile, refusing);
      assert.equal(opened.executionProvider, 'cpu');
      const outcome = opened.facts.outcome('webgpu');
      assert.ok(outcome?.kind === 'failed' && outcome.problem === 'Too large a buffer.');
      await opened.decoder.dispose();
    }));

  it("is the CPU's after the worker died on a provider before it answered", () =>
    withFolder(async (folder) => {
      const { package: built } = await buildTinyPackage(tinyModel({}), join(folder, 'model'));
      tested(folder, built);
      const url = (path: string): string => JSON.stringify(new URL(`../../../src/${path}`, import.meta.url).href);
      const script = `
        import { loadPackage } from ${url('engine/modelPackage.ts')};
        import { MachineProfile } from ${url('worker/machineProfile.ts')};
        import { openDecoder, engineDecoders } from ${url('worker/openDecoder.ts')};
        const crashing = {
          built: async () => new Set(['cpu', 'webgpu']),
          canOpen: () => true,
          open: (pkg, provider, options) =>
            provider === 'webgpu' ? process.kill(process.pid, 'SIGKILL') : engineDecoders.open(pkg, provider, options),
        };
        const profile = new MachineProfile(${JSON.stringify(folder)}, ${JSON.stringify(identity)});
        const pkg = await loadPackage(${JSON.stringify(built.folder)});
        const { executionProvider } = await openDecoder(pkg, ${JSON.stringify(wanted)}, profile, crashing);
        console.log(executionProvider);
        process.exit(0);`;
      const start = (): { signal: string | null; stdout: string } =>
        spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
      assert.equal(start().signal, 'SIGKILL');
      assert.equal(start().stdout.trim(), 'cpu');
      const opened = await openDecoder(built, wanted, new MachineProfile(folder, identity), source());
      assert.equal(opened.executionProvider, 'cpu');
      assert.equal(opened.facts.outcome('webgpu')?.kind, 'workerDied');
      await opened.decoder.dispose();
    }));
});
