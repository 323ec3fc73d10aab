/**
 * Speed and memory of the built-in package: every variant in processes of its own, started in turns, so that a busy
 * machine slows all of them alike.
 *
 * Prints prefill and decode tokens per second, peak memory, and the time to the first token of a question over a
 * session held as anchors, held whole (full caching), and read again (no caching), with their ratios.
 * Needs the built-in package. `--rounds N` (3), `--lengths A,B` tokens of a session (512,1024,2048).
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import type { Variant } from '../../src/protocol/packageManifest.ts';
import { noArguments, readOptions } from '../../scripts/options.ts';
import { median, printResult, progress, rounded } from './report.ts';
import { speedSchema, type Speed } from './speedSample.ts';

const options = readOptions({
  usage: 'usage: npm run --silent bench -- [--rounds N] [--lengths TOKENS,TOKENS,...]',
  options: { rounds: { type: 'string' }, lengths: { type: 'string' } },
  schema: z.object({
    rounds: z.coerce.number().int().min(1).default(3),
    lengths: z
      .string()
      .regex(/^\d+(,\d+)*$/)
      .default('512,1024,2048'),
    _: noArguments,
  }),
});
const compared: readonly Variant[] = ['int8', 'int4'];

const samples = new Map<Variant, Speed[]>();
for (let round = 0; round < options.rounds; round++) {
  for (const variant of compared) {
    const speed = await sample(variant);
    samples.set(variant, [...(samples.get(variant) ?? []), speed]);
    progress(`round ${round + 1}, ${variant}: ${JSON.stringify(speed)}`);
  }
}
printResult({
  rounds: options.rounds,
  variants: Object.fromEntries([...samples].map(([variant, speeds]) => [variant, summary(speeds)])),
});

async function sample(variant: Variant): Promise<Speed> {
  const script = join(import.meta.dirname, 'speedSample.ts');
  const { stdout } = await promisify(execFile)(process.execPath, [script, variant, options.lengths]);
  return speedSchema.parse(JSON.parse(stdout));
}

/** Medians over the rounds. */
function summary(speeds: readonly Speed[]): object {
  const of = (pick: (speed: Speed) => number): number => rounded(median(speeds.map(pick)), 3);
  const sessions = speeds[0]?.sessions ?? [];
  return {
    loadMs: of((speed) => speed.loadMs),
    prefillTokensPerSecond: of((speed) => speed.prefillTokensPerSecond),
    decodeTokensPerSecond: of((speed) => speed.decodeTokensPerSecond),
    longestRunMs: of((speed) => speed.longestRunMs),
    peakMemoryMB: of((speed) => speed.peakMemoryMB),
    sessions: sessions.map(({ textTokens, kvRows, kvRowsFull }, i) => {
      const session = (pick: (each: Speed['sessions'][number]) => number): number =>
        of((speed) => {
          const each = speed.sessions[i];
          return each === undefined ? NaN : pick(each);
        });
      return {
        textTokens,
        kvRows,
        kvRowsFull,
        decodeTokensPerSecond: {
          anchors: session((each) => each.anchors.decodeTokensPerSecond),
          full: session((each) => each.full.decodeTokensPerSecond),
        },
        firstTokenMs: {
          anchors: session((each) => each.anchors.firstTokenMs),
          full: session((each) => each.full.firstTokenMs),
          none: session((each) => each.none.firstTokenMs),
        },
        fullOverAnchors: session((each) => each.full.firstTokenMs / each.anchors.firstTokenMs),
        noneOverAnchors: session((each) => each.none.firstTokenMs / each.anchors.firstTokenMs),
      };
    }),
  };
}
