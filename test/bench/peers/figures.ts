import { median, rounded } from '../report.ts';
import type { Comparison } from './comparison.ts';
import type { EngineName } from './engines.ts';

/** What is compared, in the units of its name; more is better for speeds alone. */
export const metrics = [
  'firstTokenMs',
  'coldFirstTokenMs',
  'decodeTokensPerSecond',
  'kvBytes',
  'kvReservedBytes',
  'peakMemoryMB',
  'restoredFirstTokenMs',
  'cpuSecondsPerAnswer',
  'readTokensPerSecond',
  /** A step's time over the time in which its weights and rows can be read from memory. */
  'stepOverBandwidth',
] as const;
export type Metric = (typeof metrics)[number];

const ownEngines: readonly EngineName[] = ['anchors8', 'anchors16', 'full'];

/** A median with the least and the most of the rounds. */
export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

/** What was measured of an engine at a length of the session. */
export interface Cell {
  readonly engine: EngineName;
  readonly length: number;
  readonly metric: Metric;
}

/** The comparison's figures by engine, length, metric and round. */
export class Figures {
  readonly #values = new Map<string, Map<number, number>>();

  constructor({ samples, cold, bandwidths, weightBytes }: Comparison) {
    for (const sample of samples) {
      const { engine, length, round } = sample;
      const put = (metric: Metric, value: number | null): void => this.#put({ engine, length, metric }, round, value);
      put('firstTokenMs', sample.firstTokenMs);
      put('decodeTokensPerSecond', 1000 / sample.decodeMsPerToken);
      put('kvBytes', sample.kvBytes);
      put('kvReservedBytes', sample.kvReservedBytes);
      put('peakMemoryMB', sample.peakMemoryMB);
      put('restoredFirstTokenMs', sample.restoredFirstTokenMs);
      put('cpuSecondsPerAnswer', sample.cpuSecondsPerAnswer);
      put('readTokensPerSecond', sample.readTokensPerSecond);
      const limitMs = (1000 * (weightBytes + sample.kvBytes)) / (bandwidths[round] ?? NaN);
      if (ownEngines.includes(engine)) put('stepOverBandwidth', sample.decodeMsPerToken / limitMs);
    }
    for (const { engine, length, round, coldFirstTokenMs, peakMemoryMB } of cold) {
      this.#put({ engine, length, metric: 'coldFirstTokenMs' }, round, coldFirstTokenMs);
      // Without a cache, every turn begins with nothing read.
      if (engine !== 'none') continue;
      this.#put({ engine, length, metric: 'firstTokenMs' }, round, coldFirstTokenMs);
      this.#put({ engine, length, metric: 'peakMemoryMB' }, round, peakMemoryMB);
    }
  }

  /** Over the rounds; null where it was not measured. */
  spread(cell: Cell): Spread | null {
    return spreadOf([...(this.#values.get(keyOf(cell))?.values() ?? [])]);
  }

  /** One cell over another, round by round. */
  ratio(over: Cell, under: Cell): Spread | null {
    const [dividends, divisors] = [over, under].map((cell) => this.#values.get(keyOf(cell)));
    const ratios = [...(dividends ?? [])].flatMap(([round, value]) => {
      const divisor = divisors?.get(round);
      return divisor === undefined ? [] : [value / divisor];
    });
    return spreadOf(ratios);
  }

  #put(cell: Cell, round: number, value: number | null): void {
    if (value === null) return;
    const rounds = this.#values.get(keyOf(cell)) ?? new Map<number, number>();
    this.#values.set(keyOf(cell), rounds.set(round, value));
  }
}

function keyOf({ engine, length, metric }: Cell): string {
  return `${engine} ${length} ${metric}`;
}

function spreadOf(values: readonly number[]): Spread | null {
  if (values.length === 0) return null;
  return {
    median: rounded(median(values)),
    least: rounded(Math.min(...values)),
    most: rounded(Math.max(...values)),
  };
}
