import { z } from 'zod';
import type { ExecutionProvider } from '../protocol/executionProvider.ts';

export const providerNames: Readonly<Record<ExecutionProvider, string>> = {
  cuda: 'CUDA',
  dml: 'DirectML',
  coreml: 'Core ML',
  webgpu: 'WebGPU',
  cpu: 'the CPU',
};

/** What became of trying an execution provider, or of using one. */
export const providerOutcomeSchema = z.discriminatedUnion('kind', [
  /** `difference` and `timeShare` as in the probe's report. */
  z.object({ kind: z.literal('works'), difference: z.number(), timeShare: z.number().optional() }),
  /** This build of onnxruntime does not have it. */
  z.object({ kind: z.literal('notBuilt') }),
  /** No device, or a library that it needs is not installed. */
  z.object({ kind: z.literal('noDevice'), problem: z.string() }),
  /** It refused the graph, or failed while it ran. */
  z.object({ kind: z.literal('failed'), problem: z.string() }),
  z.object({ kind: z.literal('hung'), seconds: z.number() }),
  /** The process that tried it died: `how` is "by SIGSEGV" or "with exit code 3". */
  z.object({ kind: z.literal('crashed'), how: z.string() }),
  /** `difference` as in the probe's report, and what would have been allowed. */
  z.object({ kind: z.literal('wrong'), difference: z.number().nullable(), allowed: z.number() }),
  /** The worker itself died before its first answer on it. */
  z.object({ kind: z.literal('workerDied') }),
]);
export type ProviderOutcome = z.infer<typeof providerOutcomeSchema>;
export type ProviderFailure = Exclude<ProviderOutcome, { kind: 'works' }>;

/**
 * Largest difference from the CPU's output, as a share of its largest number. A device that computes in half precision,
 * or rounds to 10 bits as Nvidia's tensor units do, stays below 0.005; one that computes in single precision gave 5e-7.
 */
export const probeTolerance = 0.02;

/**
 * As `probeTolerance`, of a model's logits: its graph for the CPU rounds activations to 8 bits, that for a device does not, and the
 * built-in model's logits in int8 are up to 4% of the largest from those in fp32.
 */
export const modelTolerance = 0.1;

/** Why a provider is not used: a clause to follow "because", and the clause that says what to do about it. */
export interface Explanation {
  readonly cause: string;
  readonly remedy: string;
}

const again = 'then choose "Anchorage: Try the GPU Again"';
const update = `update the graphics driver, ${again}`;

export function explain(provider: ExecutionProvider, failure: ProviderFailure): Explanation {
  const name = providerNames[provider];
  switch (failure.kind) {
    case 'notBuilt':
      return {
        cause: `onnxruntime has no ${name} on ${process.platform}/${process.arch}`,
        remedy: 'set anchorage.model.executionProvider to auto',
      };
    case 'noDevice':
      return { cause: `${name} found no device (${failure.problem})`, remedy: `${installOf(provider)}, ${again}` };
    case 'failed':
      return { cause: `${name} could not run a test model (${failure.problem})`, remedy: update };
    case 'hung':
      return { cause: `${name} did not finish a test within ${failure.seconds} s and was stopped`, remedy: update };
    case 'crashed':
      return { cause: `${name} ended the process that tested it ${failure.how}`, remedy: update };
    case 'wrong':
      return {
        cause: `${name} computed wrong numbers in a test (${apart(failure.difference, failure.allowed)})`,
        remedy: update,
      };
    case 'workerDied':
      return { cause: `the worker process died when it first used ${name}`, remedy: update };
  }
}

/** The later, the more a failure tells the user: a device that is there, and does not work, before one that is not. */
const telling: readonly ProviderFailure['kind'][] = [
  'notBuilt',
  'noDevice',
  'failed',
  'hung',
  'crashed',
  'wrong',
  'workerDied',
];

export function isMoreTelling(one: ProviderFailure, other: ProviderFailure): boolean {
  return telling.indexOf(one.kind) > telling.indexOf(other.kind);
}

function apart(difference: number | null, allowed: number): string {
  if (difference === null) return 'some are not numbers';
  return `${percent(difference)} from the CPU's, where ${percent(allowed)} is allowed`;
}

function percent(share: number): string {
  return `${Number((100 * share).toPrecision(2))}%`;
}

function installOf(provider: ExecutionProvider): string {
  if (provider === 'cuda')
    return "install Nvidia's driver with CUDA 12 and cuDNN 9, and onnxruntime's CUDA library beside onnxruntime";
  if (process.platform !== 'linux') return "install the graphics card's driver";
  return "install the graphics card's driver with Vulkan (libvulkan1 and mesa-vulkan-drivers on Debian and Ubuntu)";
}
