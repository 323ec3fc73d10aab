import type { EngineName } from './engines.ts';
import type { Figures, Metric, Spread } from './figures.ts';

/** A goal that the engine is held to: a ratio of one figure to another of the same run, or a figure that is one itself. */
export interface SpeedTarget {
  readonly text: string;
  readonly ours: EngineName;
  /** Of more than one, the one that is hardest to beat. */
  readonly other: readonly EngineName[];
  readonly metric: Metric;
  /** Of the other, where it is not the same. */
  readonly otherMetric?: Metric;
  readonly length: number;
  readonly atLeast?: number;
  readonly atMost?: number;
}

export interface TargetState {
  readonly text: string;
  readonly wanted: string;
  /** Null: this run did not measure it. */
  readonly ratio: Spread | null;
  readonly isMet: boolean | null;
}

const decode = 'decodeTokensPerSecond';
const llama: readonly EngineName[] = ['llamaQ4', 'llamaQ8'];
const short = 1000;
const middle = 4000;
const long = 8000;
const longest = 32_000;

const full = (ours: EngineName, length: number, atLeast: number): SpeedTarget => ({
  text: `decode against full caching, ${ours}, ${length} tokens`,
  ours,
  other: ['full'],
  metric: decode,
  length,
  atLeast,
});
const keysValues = (ours: EngineName, named: string, other: readonly EngineName[], atMost: number): SpeedTarget => ({
  text: `bytes of keys and values against ${named}, ${ours}, ${long} tokens`,
  ours,
  other,
  metric: 'kvBytes',
  length: long,
  atMost,
});
const none = (length: number, atLeast: number): SpeedTarget => ({
  text: `first token of a turn against no caching, ${length} tokens`,
  ours: 'none',
  other: ['anchors8'],
  metric: 'firstTokenMs',
  length,
  atLeast,
});

const bandwidth = (length: number): SpeedTarget => ({
  text: `a step against reading its bytes from memory, ratio 8, ${length} tokens`,
  ours: 'anchors8',
  other: [],
  metric: 'stepOverBandwidth',
  length,
  atMost: 1.3,
});

export const speedTargets: readonly SpeedTarget[] = [
  full('anchors8', long, 3),
  full('anchors16', long, 4),
  full('anchors16', longest, 8),
  keysValues('anchors8', 'full caching', ['full'], 1 / 8),
  keysValues('anchors16', 'full caching', ['full'], 1 / 16),
  {
    text: 'decode against llama.cpp, empty context',
    ours: 'anchors8',
    other: llama,
    metric: decode,
    length: 0,
    atLeast: 0.9,
  },
  {
    text: 'reading against llama.cpp, empty context',
    ours: 'anchors8',
    other: llama,
    metric: 'readTokensPerSecond',
    length: 0,
    atLeast: 0.8,
  },
  {
    text: `decode against llama.cpp, ratio 8, ${long} tokens`,
    ours: 'anchors8',
    other: llama,
    metric: decode,
    length: long,
    atLeast: 2,
  },
  {
    text: `decode against llama.cpp, ratio 16, ${longest} tokens`,
    ours: 'anchors16',
    other: llama,
    metric: decode,
    length: longest,
    atLeast: 5,
  },
  keysValues('anchors8', 'llama.cpp', llama, 1 / 6),
  keysValues('anchors16', 'llama.cpp', llama, 1 / 12),
  {
    text: `first token of a turn against llama.cpp's warm prefix cache, ${long} tokens`,
    ours: 'anchors8',
    other: llama,
    metric: 'firstTokenMs',
    length: long,
    atMost: 1 / 2,
  },
  {
    text: `first token of a turn against llama.cpp cold, ${long} tokens`,
    ours: 'anchors8',
    other: llama,
    metric: 'firstTokenMs',
    otherMetric: 'coldFirstTokenMs',
    length: long,
    atMost: 1 / 50,
  },
  {
    text: 'decode against transformers.js, empty context',
    ours: 'anchors8',
    other: ['transformers'],
    metric: decode,
    length: 0,
    atLeast: 1.3,
  },
  {
    text: `decode against transformers.js, ratio 8, ${long} tokens`,
    ours: 'anchors8',
    other: ['transformers'],
    metric: decode,
    length: long,
    atLeast: 10,
  },
  none(short, 3.5),
  none(middle, 3.5),
  none(long, 50),
  bandwidth(0),
  bandwidth(long),
];

function fraction(value: number): string {
  return value < 1 ? `1/${Math.round(1 / value)}` : String(value);
}

/** Where each target stands, by the medians. */
export function targetStates(figures: Figures): TargetState[] {
  return speedTargets.map(({ text, ours, other, metric, otherMetric = metric, length, atLeast, atMost }) => {
    const cell = { engine: ours, length, metric };
    const ratios = other.flatMap((engine) => figures.ratio(cell, { engine, length, metric: otherMetric }) ?? []);
    const byMedian = ratios.sort((a, b) => a.median - b.median);
    const hardest = (atLeast === undefined ? byMedian.at(-1) : byMedian[0]) ?? null;
    const ratio = other.length === 0 ? figures.spread(cell) : hardest;
    const isMet =
      ratio === null ? null : ratio.median >= (atLeast ?? -Infinity) && ratio.median <= (atMost ?? Infinity);
    const wanted = atLeast === undefined ? `<= ${fraction(atMost ?? NaN)}` : `>= ${atLeast}`;
    return { text, wanted, ratio, isMet };
  });
}
