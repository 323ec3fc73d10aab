import type { Tensor } from 'onnxruntime-node';
import { loadOnnxRuntime, type OnnxRuntime } from '../engine/onnxRuntime.ts';
import { AnchorageError, messageOf } from '../protocol/errors.ts';
import { probeGraph, probeInputs, probeRuns } from './probeGraph.ts';
import type { ProbeReport } from './probeReport.ts';
import { giveWay } from './processPriority.ts';

/**
 * Tries an execution provider in this process, which a faulty driver may end: run it as a child. Prints its report and
 * ends the process.
 */
export async function runProbe(executionProvider: string): Promise<void> {
  giveWay('idle');
  const report = await tryProvider(executionProvider);
  // Written at once and followed by an exit: some drivers hang or crash when they are unloaded.
  process.stdout.write(`${JSON.stringify(report)}\n`, () => process.exit(0));
}

/** Runs the probe's graph on the provider and on the CPU. */
async function tryProvider(executionProvider: string): Promise<ProbeReport> {
  let difference: number | null = 0;
  try {
    const ort = await loadOnnxRuntime();
    const graph = probeGraph();
    const expected = await logitsOf(ort, graph, 'cpu');
    const actual = await logitsOf(ort, graph, executionProvider);
    for (const [run, logits] of expected.entries()) {
      const apart = distance(logits, actual[run] ?? new Float32Array(0));
      // JSON has no number for what is not one.
      difference = difference === null || !Number.isFinite(apart) ? null : Math.max(difference, apart);
    }
    return { ran: true, difference };
  } catch (error) {
    return { ran: false, problem: messageOf(error) };
  }
}

async function logitsOf(ort: OnnxRuntime, graph: Uint8Array, executionProvider: string): Promise<Float32Array[]> {
  const { InferenceSession, Tensor: RunTensor } = ort;
  const options = { executionProviders: [executionProvider], logSeverityLevel: 4 } as const;
  const session = await InferenceSession.create(graph, options);
  const results: Float32Array[] = [];
  for (const run of probeRuns) {
    const feeds: Record<string, Tensor> = {};
    for (const [name, { type, dims, values }] of Object.entries(probeInputs(run))) {
      feeds[name] =
        type === 'int64'
          ? new RunTensor('int64', BigInt64Array.from(values, BigInt), dims)
          : new RunTensor('float32', Float32Array.from(values), dims);
    }
    const { logits } = await session.run(feeds);
    const data = await logits?.getData();
    if (!(data instanceof Float32Array)) throw new AnchorageError('internal', 'It gave no logits.');
    results.push(data);
  }
  return results;
}

/** The largest difference of two outputs, as a share of the largest number in the first. */
function distance(expected: Float32Array, actual: Float32Array): number {
  if (expected.length !== actual.length) return NaN;
  let largest = 0;
  let apart = 0;
  for (const [i, value] of expected.entries()) {
    largest = Math.max(largest, Math.abs(value));
    apart = Math.max(apart, Math.abs(value - (actual[i] ?? NaN)));
  }
  return apart / largest;
}
