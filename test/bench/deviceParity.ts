/**
 * The built-in model on a GPU against the CPU: sequences that are sealed one after another, read whole, taken out of the middle and
 * carried from one to the other give the same logits on both.
 *
 * Prints {"executionProvider", "variant", "maxAbsDiff", "divergence", "top1Agreement", …}; exits with 1 where they differ by more than
 * rounding does: 5e-4 in a logit for fp32, 0.02 nats for int8 and int4, which round activations in blocks of another size.
 * `--software` takes the GPU that Mesa computes on the CPU, in groups of 16 tokens, which is as many as it gets right.
 */
import { spawnSync } from 'node:child_process';
import { z } from 'zod';
import { softwareGpuEnvironment, softwareGpuProblem } from '../../scripts/prepare/mesa.ts';
import { noArguments, readOptions } from '../../scripts/options.ts';
import { compare } from '../../src/convert/verifyVariants.ts';
import { AnchorContext } from '../../src/engine/anchorContext.ts';
import { Decoder } from '../../src/engine/decoder.ts';
import { loadPackage } from '../../src/engine/modelPackage.ts';
import { variants } from '../../src/protocol/packageManifest.ts';
import { heldoutTexts } from './heldout.ts';
import { builtInPackage, printResult, progress, rounded } from './report.ts';

const options = readOptions({
  usage: 'usage: npm run --silent device-parity -- [--software] [--variant fp32|int8|int4] [--package FOLDER]',
  options: { software: { type: 'boolean' }, variant: { type: 'string' }, package: { type: 'string' } },
  schema: z.object({
    software: z.boolean().default(false),
    variant: z.enum(variants).default('fp32'),
    package: z.string().default(builtInPackage),
    _: noArguments,
  }),
});
const largestDifference = 5e-4;
const largestDivergence = 0.02;
const isChild = process.env['DEVICE_PARITY_SOFTWARE'] === '1';

if (options.software && !isChild) {
  const problem = await softwareGpuProblem();
  if (problem !== null) {
    progress(`There is no Vulkan driver that WebGPU can use here: ${problem}`);
    process.exit(1);
  }
  // The driver is found by what the process was started with.
  const env = { ...process.env, ...softwareGpuEnvironment(), DEVICE_PARITY_SOFTWARE: '1' };
  const { status } = spawnSync(process.execPath, process.argv.slice(1), { env, stdio: 'inherit' });
  process.exit(status ?? 1);
}

const began = performance.now();
const pkg = await loadPackage(options.package);
const { variant } = options;
const groupTokens = options.software ? 16 : undefined;
const device = await Decoder.create(pkg, { variant, threads: 0, groupTokens, executionProvider: 'webgpu' });
const cpu = await Decoder.create(pkg, { variant, threads: 0, groupTokens });
const texts = (await heldoutTexts()).map(({ text }) => pkg.tokenizer.encodeText(text.slice(0, 2000)));
const pinned = pkg.layout.pinned();
const totals = { positions: 0, agreeing: 0, divergence: 0, maxAbsDiff: 0 };

/** Does the same on both, and compares the logits where there are some. */
async function both<T>(
  name: string,
  [onDevice, onCpu]: readonly [AnchorContext, AnchorContext],
  act: (context: AnchorContext) => Promise<T>,
): Promise<void> {
  const [found, expected] = [await act(onDevice), await act(onCpu)];
  if (Array.isArray(found) && Array.isArray(expected)) add(found, expected);
  progress(
    `${rounded((performance.now() - began) / 1000, 3)} s, ${name}: largest difference ${totals.maxAbsDiff.toExponential(1)}`,
  );
}

function add(found: readonly unknown[], expected: readonly unknown[]): void {
  const flat = (rows: readonly unknown[]): Float32Array =>
    Float32Array.from(rows.flatMap((row) => (row instanceof Float32Array ? [...row] : [])));
  const count = expected.length;
  const report = compare(variant, flat(expected), flat(found), count);
  totals.positions += count;
  totals.agreeing += Math.round(report.sameTop * count);
  totals.divergence += report.divergence * count;
  totals.maxAbsDiff = Math.max(totals.maxAbsDiff, report.largestDifference);
}

const pair = (): readonly [AnchorContext, AnchorContext] => [
  new AnchorContext(device, { pinned }),
  new AnchorContext(cpu, { pinned }),
];
const excerpt = (n: number, length: number): readonly number[] => (texts[n % texts.length] ?? []).slice(0, length);
const question = [...pkg.layout.live('What does it do?'), ...excerpt(5, 8)];

const whole = pair();
await both('a text read whole', whole, (context) => context.read(excerpt(0, 96), { logits: 'all' }));

const sealed = pair();
for (let n = 0; n < 4; n++) {
  await both(`sequence ${n} sealed by stride`, sealed, (context) => context.seal(excerpt(n, 60), { choice: 'stride' }));
}
await both('a question after them', sealed, (context) =>
  context.read(question, { logits: 'all', wantAttention: true }),
);
for (const id of excerpt(6, 8)) {
  await both('a token', sealed, (context) => context.read([id], { logits: 'all' }));
}
await both('one taken out of the middle', sealed, async (context) => {
  context.dropLive();
  await context.drop(1);
});
await both('a question after that', sealed, (context) => context.read(question, { logits: 'all' }));

const moved = pair();
for (const index of [2, 0]) {
  await moved[0].importAnchors(await sealed[1].exportAnchors(index));
  await moved[1].importAnchors(await sealed[0].exportAnchors(index));
}
await both('anchors carried over', moved, (context) => context.read(question, { logits: 'all' }));
for (const context of [...whole, ...sealed, ...moved]) context.release();

const divergence = totals.divergence / totals.positions;
const { executionProvider, deviceProblem, deviceMemory } = device;
const left = deviceMemory.buffers;
await device.dispose();
await cpu.dispose();
printResult({
  executionProvider,
  software: options.software,
  variant,
  comparedTokens: totals.positions,
  maxAbsDiff: totals.maxAbsDiff,
  divergence,
  top1Agreement: totals.agreeing / totals.positions,
  buffersLeft: left,
  seconds: rounded((performance.now() - began) / 1000, 3),
});
const isClose = variant === 'fp32' ? totals.maxAbsDiff <= largestDifference : divergence <= largestDivergence;
process.exitCode = isClose && deviceProblem === null && left === 0 ? 0 : 1;
