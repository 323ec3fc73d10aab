import { execFile } from 'node:child_process';
import { z } from 'zod';
import { loadOnnxRuntime } from '../engine/onnxRuntime.ts';

/** Execution providers in the order in which they are wanted. */
const preferred = ['cuda', 'dml', 'coreml', 'webgpu', 'cpu'] as const;
export type ExecutionProvider = (typeof preferred)[number];

/** Those that a package has a graph for. */
const withGraph: readonly ExecutionProvider[] = ['cpu'];

const names: Readonly<Record<ExecutionProvider, string>> = {
  cuda: 'CUDA',
  dml: 'DirectML',
  coreml: 'Core ML',
  webgpu: 'WebGPU',
  cpu: 'CPU',
};

/** Whether a provider works on this machine, and why not. */
export interface ProbeResult {
  readonly executionProvider: ExecutionProvider;
  readonly works: boolean;
  readonly problem: string;
}

export interface ChosenProvider {
  readonly executionProvider: ExecutionProvider;
  /** One sentence: why this one and not another. */
  readonly reason: string;
  readonly probes: readonly ProbeResult[];
}

const reportSchema = z.union([
  z.object({ works: z.literal(true) }),
  z.object({ works: z.literal(false), problem: z.string() }),
]);

const probeTimeout = 20_000;

/**
 * Finds the first provider that works here and that packages have a graph for. Each is tried in a process of its own
 * with a time limit, since a faulty driver may hang or end the process that loads it. The CPU is not tried: it is
 * onnxruntime's own code, and what is left when nothing else works.
 *
 * @param workerPath the worker's script, which runs a probe when it is told to.
 */
export async function chooseProvider(wanted: ExecutionProvider | 'auto', workerPath: string): Promise<ChosenProvider> {
  if (wanted === 'cpu')
    return { executionProvider: 'cpu', reason: 'CPU, because the settings ask for it.', probes: [] };
  const { listSupportedBackends } = await loadOnnxRuntime();
  const built = new Set<string>(listSupportedBackends().map((backend) => backend.name));
  const tried = preferred.filter((each) => built.has(each) && each !== 'cpu');
  const probes = await Promise.all(tried.map((each) => probe(each, workerPath)));
  const usable = probes.find(({ executionProvider: each, works }) => {
    return works && withGraph.includes(each) && (wanted === 'auto' || wanted === each);
  });
  const executionProvider = usable?.executionProvider ?? 'cpu';
  return { executionProvider, reason: reasonFor(wanted, executionProvider, probes), probes };
}

function probe(executionProvider: ExecutionProvider, workerPath: string): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const arguments_ = [workerPath, '--probe', executionProvider];
    const options = { timeout: probeTimeout, killSignal: 'SIGKILL', windowsHide: true } as const;
    const child = execFile(process.execPath, arguments_, options, (error, stdout) => {
      const report = reportSchema.safeParse(lastJson(stdout));
      if (report.success) {
        const problem = report.data.works ? '' : shortened(report.data.problem);
        resolve({ executionProvider, works: report.data.works, problem });
        return;
      }
      const isLate = error?.killed === true;
      const problem = isLate
        ? `no answer within ${probeTimeout / 1000} s`
        : 'its driver ended the process that tried it';
      resolve({ executionProvider, works: false, problem });
    });
    child.stdin?.end();
  });
}

function lastJson(stdout: string): unknown {
  try {
    return JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '');
  } catch {
    return undefined;
  }
}

/** The part of onnxruntime's message behind its source location. */
function shortened(problem: string): string {
  const last = problem.trim().split('\n')[0] ?? '';
  return last
    .replace(/^.* was false\. /, '')
    .replace(/^(OrtSessionOptions\w+|\S+\.cc:\d+ .*?): /, '')
    .slice(0, 200);
}

function reasonFor(
  wanted: ExecutionProvider | 'auto',
  chosen: ExecutionProvider,
  probes: readonly ProbeResult[],
): string {
  if (chosen !== 'cpu')
    return `${names[chosen]}, because it works here and is the fastest that the model has a graph for.`;
  if (wanted !== 'auto') {
    const result = probes.find((each) => each.executionProvider === wanted);
    const cause = result === undefined ? 'this build of onnxruntime does not have it' : causeOf(result);
    return `CPU, because ${names[wanted]} cannot be used: ${cause}.`;
  }
  const working = probes.filter((each) => each.works).map((each) => names[each.executionProvider]);
  if (working.length > 0)
    return `CPU, because the model has no graph for ${working.join(' or ')}, which would work here.`;
  if (probes.length === 0) return 'CPU, because onnxruntime has nothing else for this platform.';
  const causes = probes.map((each) => `${names[each.executionProvider]}: ${causeOf(each)}`);
  return `CPU, because no GPU can be used here (${causes.join('; ')}); a GPU driver with Vulkan would be the first thing to install.`;
}

function causeOf(result: ProbeResult): string {
  return result.works ? 'the model has no graph for it' : result.problem.replace(/\.$/, '');
}
