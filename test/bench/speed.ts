/**
 * Every engine on the same weights, session and number of threads, in one interleaved run: ours with anchors at two ratios,
 * with full caching and with none; node-llama-cpp and transformers.js with the same weights. Engines take turns, each
 * session in a process of its own; ratios are taken within a round.
 *
 * Tables and targets on stderr, one JSON line on stdout. `--quick`: one round of the shorter sessions and fewer engines,
 * in three minutes of a quiet machine. `--own`: the built-in package alone, variant by variant. `--docs`: writes the plot
 * and the figures that the documentation shows. The first run installs the two others below .cache.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { AnchorageError } from '../../src/protocol/errors.ts';
import { variants } from '../../src/protocol/packageManifest.ts';
import { noArguments, readOptions } from '../../scripts/options.ts';
import { cacheFolder } from '../../scripts/prepare/folders.ts';
import { withWorkFolder } from '../../scripts/prepare/workFolder.mjs';
import { ownSpeed } from './ownSpeed.ts';
import { compare } from './peers/comparison.ts';
import { comparisonPlot } from './peers/comparisonPlot.ts';
import { comparisonReport, reportText } from './peers/comparisonReport.ts';
import { engineNames } from './peers/engines.ts';
import { printResult, progress, repository, rounded } from './report.ts';

const list = z.string().transform((text) => text.split(','));
const lengthList = z
  .string()
  .regex(/^\d+(,\d+)*$/)
  .transform((text) => text.split(',').map(Number));
/** Of llama.cpp's two the one that reads faster. */
const quickEngines = ['anchors8', 'full', 'none', 'llamaQ8', 'transformers'] as const;

const options = readOptions({
  usage:
    'usage: npm run --silent bench -- [--quick] [--own] [--rounds N] [--lengths TOKENS,TOKENS,...] [--engines NAME,NAME,...] [--variant NAME] [--docs]',
  options: {
    quick: { type: 'boolean' },
    own: { type: 'boolean' },
    rounds: { type: 'string' },
    lengths: { type: 'string' },
    engines: { type: 'string' },
    variant: { type: 'string' },
    docs: { type: 'boolean' },
  },
  schema: z.object({
    quick: z.boolean().default(false),
    own: z.boolean().default(false),
    rounds: z.coerce.number().int().min(1).optional(),
    lengths: lengthList.optional(),
    engines: list.pipe(z.array(z.enum(engineNames)).min(1)).optional(),
    variant: z.enum(variants).default('int4'),
    /** Writes the plot and the figures that the README shows. */
    docs: z.boolean().default(false),
    _: noArguments,
  }),
});
const { quick, variant } = options;
const rounds = options.rounds ?? (quick ? 1 : 3);

if (options.own) printResult(await ownSpeed(rounds, options.lengths ?? [512, 1024, 2048]));
else {
  await comparePeers().catch((error: unknown) => {
    if (!AnchorageError.is(error, 'cancelled')) throw error;
    progress(error.message);
  });
}

async function comparePeers(): Promise<void> {
  const began = performance.now();
  const chosen = options.lengths ?? (quick ? [0, 1000, 4000, 8000] : [0, 1000, 4000, 8000, 16_000, 32_000]);
  const lengths = [...new Set(chosen)].sort((a, b) => a - b);
  const engines = options.engines ?? (quick ? quickEngines : engineNames);
  const answerTokens = quick ? 24 : 48;
  const comparison = await withWorkFolder(cacheFolder, (folder) =>
    compare({ engines, rounds, lengths, answerTokens, variant, folder }),
  );
  const report = comparisonReport(comparison, lengths);
  progress(`\n${reportText(report)}\n`);
  const result = {
    variant,
    rounds,
    processor: `${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}, Node ${process.version}`,
    seconds: rounded((performance.now() - began) / 1000, 3),
    ...report,
  };
  if (options.docs) {
    await mkdir(join(repository, 'docs', 'measurements'), { recursive: true });
    await writeFile(join(repository, 'docs', 'bench.svg'), comparisonPlot(report));
    await writeFile(
      join(repository, 'docs', 'measurements', 'comparison.json'),
      `${JSON.stringify(result, null, 1)}\n`,
    );
  }
  printResult(result);
}
