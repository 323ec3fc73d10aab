import type { Tensor } from 'onnxruntime-node';
import { z } from 'zod';
import { AnchorContext } from '../engine/anchorContext.ts';
import { Decoder } from '../engine/decoder.ts';
import { loadPackage } from '../engine/modelPackage.ts';
import { loadOnnxRuntime, type OnnxRuntime } from '../engine/onnxRuntime.ts';
import { AnchorageError, messageOf } from '../protocol/errors.ts';
import { probeGraph, probeInputs, probeRuns } from './probeGraph.ts';
import { probedModelSchema, type ProbedModel, type ProbeReport } from './probeReport.ts';
import { giveWay } from './processPriority.ts';
import { executionProviders, type ExecutionProvider } from '../protocol/executionProvider.ts';

const probeText = 'const answer = (question: string): string => anchors.get(question) ?? read(question); ';

/**
 * Tries an execution provider in this process, which a faulty driver may end: run it as a child. Prints its report and
 * ends the process.
 *
 * @param model JSON of a `ProbedModel` whose own graph is tried after the probe's.
 */
export async function runProbe(executionProvider: string, model?: string): Promise<void> {
  giveWay('idle');
  const report = await tryProvider(executionProvider, model);
  // Written at once and followed by an exit: some drivers hang or crash when they are unloaded.
  process.stdout.write(`${JSON.stringify(report)}\n`, () => process.exit(0));
}

/** Runs graphs on the provider and on the CPU. */
async function tryProvider(executionProvider: string, model: string | undefined): Promise<ProbeReport> {
  try {
    const ort = await loadOnnxRuntime();
    const graph = probeGraph();
    const expected = await logitsOf(ort, graph, 'cpu');
    const difference = worst(expected, await logitsOf(ort, graph, executionProvider));
    if (model === undefined) return { ran: true, difference };
    const { provider, ...probed } = probedModelSchema
      .extend({ provider: z.enum(executionProviders) })
      .parse({ ...z.looseObject({}).parse(JSON.parse(model)), provider: executionProvider });
    const onCpu = await runModel(probed, 'cpu');
    const onDevice = await runModel(probed, provider);
    const modelDifference = worst(onCpu.logits, onDevice.logits);
    return { ran: true, difference, modelDifference, timeShare: onDevice.ms / onCpu.ms };
  } catch (error) {
    return { ran: false, problem: messageOf(error) };
  }
}

/** Steps after a group whose time is taken with it: a short answer to a question of a group. */
const timedSteps = 16;

/** Logits after a whole group, and after a decode step over it; then the milliseconds of a group and steps. */
async function runModel(
  { packageFolder, variant, groupTokens }: ProbedModel,
  executionProvider: ExecutionProvider,
): Promise<{ readonly logits: readonly Float32Array[]; readonly ms: number }> {
  const pkg = await loadPackage(packageFolder);
  const decoder = await Decoder.create(pkg, { variant, threads: 0, groupTokens, executionProvider });
  const context = new AnchorContext(decoder, { pinned: [] });
  const text = pkg.tokenizer.encodeText(probeText.repeat(groupTokens)).slice(0, groupTokens + 1);
  const [group, step] = [text.slice(0, groupTokens), text.slice(groupTokens)];
  const logits = [
    ...(await context.read(group, { logits: 'last' })),
    ...(await context.read(step, { logits: 'last' })),
  ];
  context.dropLive();
  const begin = performance.now();
  await context.read(group, { logits: 'last' });
  for (let steps = 0; steps < timedSteps; steps++) await context.read(step, { logits: 'last' });
  const ms = performance.now() - begin;
  if (executionProvider === 'cpu') await decoder.dispose();
  // A decoder whose device fails goes on on the CPU, where it would be compared with itself.
  if (decoder.deviceProblem !== null) throw decoder.deviceProblem;
  return { logits, ms };
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

/** The largest difference of two outputs, as a share of the largest number in the first; null where there is no number. */
function worst(expected: readonly Float32Array[], actual: readonly Float32Array[]): number | null {
  const apart = expected.map((logits, run) => distance(logits, actual[run] ?? new Float32Array(0)));
  return apart.every(Number.isFinite) ? Math.max(...apart) : null;
}

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
