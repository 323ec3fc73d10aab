import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Variant } from '../../src/protocol/packageManifest.ts';
import { median, progress, rounded } from './report.ts';
import { speedSchema, type Speed } from './ownSpeedSample.ts';

const compared: readonly Variant[] = ['int8', 'int4'];

/**
 * Speed and memory of the built-in package by itself: every variant in processes of its own, started in turns, so that a
 * busy machine slows all of them alike.
 *
 * @param lengths tokens of the sessions.
 * @returns prefill and decode tokens per second, peak memory, and the time to the first token of a question over a session
 *   held as anchors, held whole (full caching), and read again (no caching), with their ratios.
 */
export async function ownSpeed(rounds: number, lengths: readonly number[]): Promise<object> {
  const samples = new Map<Variant, Speed[]>();
  for (let round = 0; round < rounds; round++) {
    for (const variant of compared) {
      const speed = await sample(variant, lengths);
      samples.set(variant, [...(samples.get(variant) ?? []), speed]);
      progress(`round ${round + 1}, ${variant}: ${JSON.stringify(speed)}`);
    }
  }
  return {
    rounds,
    variants: Object.fromEntries([...samples].map(([variant, speeds]) => [variant, summary(speeds)])),
  };
}

async function sample(variant: Variant, lengths: readonly number[]): Promise<Speed> {
  const script = join(import.meta.dirname, 'ownSpeedSample.ts');
  const { stdout } = await promisify(execFile)(process.execPath, [script, variant, lengths.join(',')]);
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
