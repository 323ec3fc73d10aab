/**
 * Where a decode step and a group of a prefill spend their time, operator by operator, and how far a step is from the
 * time in which this machine can read the step's weights and rows.
 *
 * Times of whole runs are measured without a trace; the trace, which costs some microseconds an operator, says how they
 * divide. Needs the built-in package. `--variant` (int8), `--rows A,B` cached, multiples of 32 (32,1024,4096), `--tokens` of a group (64).
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { loadPackage } from '../../src/engine/modelPackage.ts';
import { loadOnnxRuntime, physicalCores } from '../../src/engine/onnxRuntime.ts';
import { variants } from '../../src/protocol/packageManifest.ts';
import { noArguments, readOptions } from '../../scripts/options.ts';
import { withBenchFolder } from './benchFiles.ts';
import { ProfiledGraph, readBandwidth, weightBytes, type Shape } from './profileRuns.ts';
import { readTrace, sumByPart, type PartTime } from './profileTrace.ts';
import { builtInPackage, median, printResult, progress, rounded } from './report.ts';

const options = readOptions({
  usage: 'usage: npm run --silent profile -- [--variant fp32|int8|int4] [--rows N,N,...] [--tokens N]',
  options: { variant: { type: 'string' }, rows: { type: 'string' }, tokens: { type: 'string' } },
  schema: z.object({
    variant: z.enum(variants).default('int8'),
    rows: z
      .string()
      .regex(/^\d+(,\d+)*$/)
      .default('32,1024,4096'),
    tokens: z.coerce.number().int().min(2).max(512).default(64),
    _: noArguments,
  }),
});
// The trace tells operators over the past from those over recent and new tokens by how many there are.
if (options.rows.split(',').some((each) => Number(each) % 32 !== 0 || Number(each) === options.tokens)) {
  progress('--rows must be multiples of 32, and none of them --tokens.');
  process.exit(2);
}

const STEPS = 40;
const GROUPS = 8;

const ort = await loadOnnxRuntime();
const pkg = await loadPackage(builtInPackage);
const { variant } = options;
const threads = physicalCores();
const rows = options.rows.split(',').map((each) => Math.max(1, Number(each)));
const graph = await ProfiledGraph.open(ort, pkg, variant, threads, null);
const bytesPerRow = kvBytesPerRow();
const weights = await weightBytes(pkg, variant);
const bandwidth = await withBenchFolder((folder) => readBandwidth(ort, folder, threads));
progress(`reads ${rounded(bandwidth / 1e9, 3)} GB/s on ${threads} threads; weights ${rounded(weights / 1e6, 3)} MB`);

const results: object[] = [];
for (const past of rows) {
  const step = await profiled({ past, tokens: 1 }, STEPS);
  const limitMs = ((weights + past * bytesPerRow) / bandwidth) * 1000;
  const group = await profiled({ past, tokens: options.tokens }, GROUPS);
  progress(`a step is ${rounded(step.ms / limitMs, 3)} times what reading its bytes takes`);
  results.push({
    rows: past,
    step: { ...step, limitMs: rounded(limitMs, 3), overLimit: rounded(step.ms / limitMs, 3) },
    group: { tokens: options.tokens, ...group, tokensPerSecond: rounded(options.tokens / (group.ms / 1000), 3) },
  });
}
await graph.close();
printResult({
  variant,
  threads,
  weightsMB: rounded(weights / 1e6),
  kvBytesPerRow: bytesPerRow,
  readGBps: rounded(bandwidth / 1e9, 3),
  profiles: results,
});

async function profiled(shape: Shape, count: number): Promise<{ ms: number; cpuMs: number; parts: object[] }> {
  const { runs, cpuMs } = await graph.time(shape, count);
  const ms = median(runs);
  const parts = await traced(shape, count);
  const traceMs = parts.reduce((sum, part) => sum + part.ms, 0);
  progress(
    `\n${shape.tokens} tokens over ${shape.past} rows: ${rounded(ms, 3)} ms (CPU ${rounded(cpuMs / count, 3)} ms)`,
  );
  for (const part of parts) {
    const share = ((100 * part.ms) / traceMs).toFixed(1).padStart(5);
    progress(`  ${part.part.padEnd(30)} ${share} %  ${String(Math.round(part.operators)).padStart(4)} operators`);
  }
  return {
    ms: rounded(ms, 3),
    cpuMs: rounded(cpuMs / count, 3),
    parts: parts.map(({ part, ms: time, operators }) => ({
      part,
      share: rounded(time / traceMs, 3),
      operators: Math.round(operators),
    })),
  };
}

function traced(shape: Shape, count: number): Promise<PartTime[]> {
  return withBenchFolder(async (folder) => {
    const traceGraph = await ProfiledGraph.open(ort, pkg, variant, threads, join(folder, 'trace'));
    await traceGraph.time(shape, count);
    await traceGraph.close();
    const [file = ''] = await readdir(folder);
    return sumByPart(await readTrace(join(folder, file), count), pkg.config, shape.past, count);
  });
}

function kvBytesPerRow(): number {
  const { num_hidden_layers: layers, num_key_value_heads: kvHeads, head_dim: width } = pkg.config;
  return 2 * layers * kvHeads * width * graph.bytesPerNumber;
}
