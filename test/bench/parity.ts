/**
 * Parity: PyTorch's one masked forward over a whole text, the streamed run whose cache is really reduced after every
 * sequence, and the streamed run in random groups down to single tokens give the same logits, in fp32.
 *
 * Prints {"cases", "maxAbsDiff", "top1Agreement", …}; exits with 1 unless maxAbsDiff <= 1e-3 and top1Agreement is 1.
 * Needs .venv, and the fp32 variant of the built-in package. `--quick`: a few cases, for the test suite.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import type { AnchorConfig, Choice } from '../../src/protocol/anchorConfig.ts';
import { Decoder } from '../../src/engine/decoder.ts';
import { loadPackage, type ModelPackage } from '../../src/engine/modelPackage.ts';
import { Random } from '../../src/engine/random.ts';
import { ScoringPass } from '../../src/engine/scoringPass.ts';
import { anchorKinds, tinyModel, tokenId } from '../unit/engine/tinyModel.ts';
import { buildTinyPackage } from '../unit/engine/tinyDecoder.ts';
import { noArguments, readOptions } from '../../scripts/options.ts';
import { heldoutTexts } from './heldout.ts';
import { compare, randomChunks, type Layout } from './parityCase.ts';
import { baseFile, builtInAdapter, builtInPackage, printResult, progress, rounded } from './report.ts';
import { TorchReference, type TorchModel } from './torchReference.ts';

const LARGEST_DIFFERENCE = 1e-3;

const count = z.coerce.number().int().min(0).optional();
const options = readOptions({
  usage: 'usage: npm run --silent parity -- [--quick] [--tiny CASES] [--built-in CASES]',
  options: { quick: { type: 'boolean' }, tiny: { type: 'string' }, 'built-in': { type: 'string' } },
  schema: z.object({ quick: z.boolean().default(false), tiny: count, 'built-in': count, _: noArguments }),
});
const tinyPerKind = Math.ceil((options.tiny ?? (options.quick ? 32 : 208)) / 16);
const builtInCases = options['built-in'] ?? (options.quick ? 2 : 24);

const totals = { cases: 0, tinyCases: 0, builtInCases: 0, tokens: 0, agreeing: 0, maxAbsDiff: 0, maxScoreDiff: 0 };
const began = performance.now();
const torch = await TorchReference.start();
try {
  await tinyDecoders();
  if (builtInCases > 0) await builtInModel();
} finally {
  torch.close();
}
const top1Agreement = totals.agreeing / totals.tokens;
printResult({
  cases: totals.cases,
  maxAbsDiff: totals.maxAbsDiff,
  top1Agreement,
  tinyCases: totals.tinyCases,
  builtInCases: totals.builtInCases,
  comparedTokens: totals.tokens,
  maxScoreDiff: totals.maxScoreDiff,
  seconds: rounded((performance.now() - began) / 1000, 3),
});
const passes =
  totals.maxAbsDiff <= LARGEST_DIFFERENCE && totals.maxScoreDiff <= LARGEST_DIFFERENCE && top1Agreement === 1;
process.exitCode = passes ? 0 : 1;

/** Every scheme, kind of positions and kind of mask, on decoders with random weights. */
async function tinyDecoders(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'parity-'));
  try {
    for (const [index, { name, rules }] of anchorKinds.entries()) {
      const tiny = await buildTinyPackage(tinyModel(rules, {}, index + 1), join(folder, String(index)));
      for (const positions of ['cache', 'absolute'] as const) {
        for (const anchors_see_anchors of [true, false]) {
          const decoder = await open(tiny.package, { positions, anchors_see_anchors });
          if (rules.scheme === 'mark') {
            const text = Array.from({ length: 40 }, (_, t) => 3 + ((t * 37) % 256));
            await compareScores(decoder, { base: tiny.base, adapter: tiny.adapter }, text);
          }
          const random = new Random(100 * index + (positions === 'cache' ? 10 : 0) + Number(anchors_see_anchors));
          for (let n = 0; n < tinyPerKind; n++)
            await run(
              decoder,
              { base: tiny.base, adapter: tiny.adapter },
              tinyLayout(random, n, tiny.package.anchors.choices),
            );
          totals.tinyCases += tinyPerKind;
          progress(
            `${name}, ${positions} positions, anchors ${anchors_see_anchors ? '' : 'do not '}see anchors: ${summary()}`,
          );
          await decoder.dispose();
        }
      }
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The built-in model on held-out text, by its own rules and by the three others. */
async function builtInModel(): Promise<void> {
  const pkg = await loadPackage(builtInPackage);
  const model = { base: baseFile, adapter: builtInAdapter };
  const texts = (await heldoutTexts()).map(({ text }) => pkg.tokenizer.encodeText(text.slice(0, 3000)));
  const random = new Random(77);
  for (const positions of ['cache', 'absolute'] as const) {
    for (const anchors_see_anchors of [true, false]) {
      const decoder = await open(pkg, { positions, anchors_see_anchors });
      const isOwn = positions === pkg.anchors.positions && anchors_see_anchors === pkg.anchors.anchors_see_anchors;
      if (isOwn) await compareScores(decoder, model, texts[0]?.slice(0, 100) ?? []);
      const count = Math.ceil(builtInCases / 4);
      for (let n = 0; n < count; n++) await run(decoder, model, builtInLayout(random, pkg, texts, n === count - 1));
      totals.builtInCases += count;
      progress(
        `built-in model, ${positions} positions, anchors ${anchors_see_anchors ? '' : 'do not '}see anchors: ${summary()}`,
      );
      await decoder.dispose();
    }
  }
}

async function open(pkg: ModelPackage, rules: Partial<AnchorConfig>): Promise<Decoder> {
  const changed = { ...pkg, anchors: { ...pkg.anchors, ...rules } };
  return Decoder.create(changed, { variant: 'fp32', threads: 0 });
}

async function run(decoder: Decoder, model: TorchModel, layout: Layout): Promise<void> {
  const { maxAbsDiff, tokens, agreeing } = await compare(decoder, torch, model, layout);
  totals.cases++;
  totals.tokens += tokens;
  totals.agreeing += agreeing;
  if (!(maxAbsDiff <= totals.maxAbsDiff)) totals.maxAbsDiff = maxAbsDiff;
}

/** The scores that choose anchors, against PyTorch's; those of a scorer are of no fixed scale, so relative to their spread. */
async function compareScores(decoder: Decoder, model: TorchModel, sequence: readonly number[]): Promise<void> {
  const prefix = decoder.package.layout.pinned();
  const repeat = decoder.package.layout.repeatRequest();
  const pass = new ScoringPass(decoder, prefix);
  for (const by of decoder.scorer === null ? (['repeating'] as const) : (['repeating', 'scorer'] as const)) {
    const expected = await torch.score({ model, by, prefix, sequence, repeat });
    const found = await pass.scores(sequence, by);
    const spread = by === 'scorer' ? Math.max(...expected) - Math.min(...expected) : 1;
    found.forEach((score, t) => {
      const difference = Math.abs(score - (expected[t] ?? NaN)) / spread;
      if (!(difference <= totals.maxScoreDiff)) totals.maxScoreDiff = difference;
    });
  }
}

function tinyLayout(random: Random, n: number, choices: readonly Choice[]): Layout {
  const ids = (count: number): number[] =>
    Array.from({ length: count }, () => (random.next() < 0.1 ? tokenId('.') : random.integer(3, 258)));
  const sealed = Array.from({ length: random.integer(0, 5) }, () => ({
    ids: ids(random.integer(1, 40)),
    ratio: random.integer(1, 10),
    choice: choices[random.integer(0, choices.length - 1)] ?? 'stride',
    independent: random.next() < 0.3,
  }));
  const chunks = randomChunks(random, 30, n % 3 === 0);
  return { pinned: ids(random.integer(0, 6)), sealed, live: ids(random.integer(1, 16)), chunks };
}

function builtInLayout(
  random: Random,
  pkg: ModelPackage,
  texts: readonly (readonly number[])[],
  oneByOne: boolean,
): Layout {
  const excerpt = (low: number, high: number): readonly number[] => {
    const text = texts[random.integer(0, texts.length - 1)] ?? [];
    const length = Math.min(text.length, random.integer(low, high));
    const start = random.integer(0, text.length - length);
    return text.slice(start, start + length);
  };
  const longest = oneByOne ? 24 : 90;
  const sealed = Array.from({ length: random.integer(1, oneByOne ? 2 : 3) }, () => ({
    ids: excerpt(12, longest),
    ratio: pkg.anchors.ratios[random.integer(0, pkg.anchors.ratios.length - 1)] ?? pkg.anchors.ratio,
    // A scoring pass costs as much as the reading itself, and the tiny decoders have had many.
    choice: random.next() < 0.2 ? pkg.anchors.choice : 'stride',
    independent: random.next() < 0.3,
  }));
  const live = [...pkg.layout.live('What does it do?'), ...excerpt(1, 10)];
  return { pinned: pkg.layout.pinned(), sealed, live, chunks: randomChunks(random, 90, oneByOne) };
}

function summary(): string {
  return `${rounded((performance.now() - began) / 1000, 3)} s, ${totals.cases} cases, largest difference ${totals.maxAbsDiff.toExponential(1)}, ${totals.agreeing} of ${totals.tokens} agree`;
}
