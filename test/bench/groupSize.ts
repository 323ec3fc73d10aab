/**
 * What the worker measures in its first quiet moment: how fast the built-in model reads in groups of each size, and the
 * size that it would choose. Needs the built-in package. `--variant NAME` (int8), `--threads N` (0: physical cores).
 */
import { z } from 'zod';
import { Decoder } from '../../src/engine/decoder.ts';
import { unlimitedAccount } from '../../src/engine/kvAccount.ts';
import { loadPackage } from '../../src/engine/modelPackage.ts';
import { variants } from '../../src/protocol/packageManifest.ts';
import { chooseDecoderGroupSize } from '../../src/worker/groupSizeChoice.ts';
import { noArguments, readOptions } from '../../scripts/options.ts';
import { builtInPackage, printResult, rounded } from './report.ts';

const { variant, threads } = readOptions({
  usage: 'usage: node test/bench/groupSize.ts [--variant NAME] [--threads N]',
  options: { variant: { type: 'string' }, threads: { type: 'string' } },
  schema: z.object({
    variant: z.enum(variants).default('int8'),
    threads: z.coerce.number().int().min(0).default(0),
    _: noArguments,
  }),
});
const decoder = await Decoder.create(await loadPackage(builtInPackage), { variant, threads });
const begin = performance.now();
const choice = await chooseDecoderGroupSize(decoder, unlimitedAccount, new AbortController().signal);
const seconds = rounded((performance.now() - begin) / 1000, 3);
printResult({
  variant,
  threads: decoder.threads,
  suggested: decoder.groupTokens,
  chosen: choice?.groupTokens ?? null,
  measured: choice?.measured.map((each) => ({ ...each, tokensPerSecond: rounded(each.tokensPerSecond, 3) })) ?? [],
  isSteady: choice?.isSteady ?? null,
  seconds,
});
await decoder.dispose();
