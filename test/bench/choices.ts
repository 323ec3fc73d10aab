/**
 * What it costs to choose anchors: sealing the same chunks under every choice of the built-in package, in turns.
 *
 * `--variant` (int8), `--chunks` (8) of `max_sequence_tokens` each. Ratios are against `stride`, which scores nothing, chunk by chunk.
 */
import { z } from 'zod';
import type { Choice } from '../../src/protocol/anchorConfig.ts';
import { variants } from '../../src/protocol/packageManifest.ts';
import { AnchorContext } from '../../src/engine/anchorContext.ts';
import { Decoder } from '../../src/engine/decoder.ts';
import { loadPackage } from '../../src/engine/modelPackage.ts';
import { noArguments, readOptions } from '../../scripts/options.ts';
import { heldoutTexts } from './heldout.ts';
import { builtInPackage, median, printResult, progress, rounded } from './report.ts';

const options = readOptions({
  usage: 'usage: npm run --silent choices -- [--variant fp32|int8|int4] [--chunks N]',
  options: { variant: { type: 'string' }, chunks: { type: 'string' } },
  schema: z.object({
    variant: z.enum(variants).default('int8'),
    chunks: z.coerce.number().int().min(1).max(64).default(8),
    _: noArguments,
  }),
});

const pkg = await loadPackage(builtInPackage);
const decoder = await Decoder.create(pkg, { variant: options.variant, threads: 0 });
const { choices, max_sequence_tokens: size } = pkg.anchors;
const ids = pkg.tokenizer.encodeText((await heldoutTexts()).map(({ text }) => text).join('\n'));
const times = new Map<Choice, number[]>(choices.map((choice) => [choice, []]));
for (let chunk = -1; chunk < options.chunks; chunk++) {
  const at = Math.max(0, chunk) * size;
  const tokens = ids.slice(at, at + size);
  // Each choice is first, second, … equally often; the first round warms up.
  for (const [n] of choices.entries()) {
    const choice = choices[(n + chunk + choices.length) % choices.length] ?? 'stride';
    const ms = await sealed(tokens, choice);
    if (chunk >= 0) times.get(choice)?.push(ms);
  }
  progress(`${chunk + 1} of ${options.chunks} chunks`);
}
await decoder.dispose();
const plain = times.get('stride') ?? [];
printResult({
  variant: options.variant,
  threads: decoder.threads,
  tokens: size,
  chunks: options.chunks,
  choices: Object.fromEntries(
    [...times].map(([choice, ms]) => {
      const ratios = ms.map((each, chunk) => each / (plain[chunk] ?? NaN));
      return [choice, { ms: rounded(median(ms)), timesStride: rounded(median(ratios), 3) }];
    }),
  ),
});

/** Milliseconds to seal a chunk behind the prefix. A context of its own remembers no scores. */
async function sealed(tokens: readonly number[], choice: Choice): Promise<number> {
  const context = new AnchorContext(decoder, { pinned: pkg.layout.pinned() });
  await context.readPinned();
  const start = performance.now();
  await context.seal(tokens, { choice, independent: true });
  const ms = performance.now() - start;
  context.release();
  return ms;
}
