import { join } from 'node:path';
import { root } from '../prepare/folders.ts';
import { softwareGpuEnvironment, softwareGpuProblem } from '../prepare/mesa.ts';
import type { Check } from './check.ts';
import { oneFailed, onePassed } from './check.ts';
import { runChild } from './childProcess.ts';
import { lintCheck } from './lintCheck.ts';
import { runMocha } from './mochaCheck.ts';
import { trainingCheck } from './pythonCheck.ts';

const unitCheck: Check = {
  name: 'unit',
  summary: 'every part by itself',
  steps: ['base', 'package'],
  run: (options) => runMocha(['test/unit/**/*.test.ts'], options, { testMs: 60_000, minutes: 10 }),
};

const gpuCheck: Check = {
  name: 'gpu',
  summary: 'the decoder on a GPU (one that Mesa computes) against the CPU',
  steps: ['mesa'],
  async run(options) {
    const problem = await softwareGpuProblem();
    if (problem === null) {
      const environment = softwareGpuEnvironment();
      return runMocha(['test/gpu/**/*.test.ts'], options, { testMs: 120_000, minutes: 10, environment });
    }
    process.stdout.write(`skipped: there is no Vulkan driver that WebGPU can use here: ${problem}\n`);
    return { passed: 0, failed: 0 };
  },
};

const parityCheck: Check = {
  name: 'parity',
  summary: "the engine's logits against PyTorch's",
  steps: ['base', 'package', 'python'],
  async run() {
    const { code } = await runChild(process.execPath, [join(root, 'test', 'bench', 'parity.ts'), '--quick'], {
      minutes: 10,
    });
    return code === 0 ? onePassed : oneFailed;
  },
};

const hostCheck: Check = {
  name: 'host',
  summary: "the extension inside a real VS Code's extension host",
  steps: ['base', 'package', 'bundle', 'codeServer', 'chromium'],
  async run({ grep }) {
    const { runHostSuite } = await import('../editor/hostSuite.ts');
    return runHostSuite(grep);
  },
};

const uiCheck: Check = {
  name: 'ui',
  summary: 'the packaged extension in a real VS Code, by mouse and keyboard',
  steps: ['base', 'package', 'bundle', 'vsix', 'codeServer', 'chromium'],
  run: (options) => runMocha(['test/ui/**/*.test.ts'], options, { testMs: 180_000, minutes: 15 }),
};

/** Everything that `npm test` runs, in this order. */
export const checks: readonly Check[] = [
  lintCheck,
  unitCheck,
  gpuCheck,
  parityCheck,
  trainingCheck,
  hostCheck,
  uiCheck,
];
