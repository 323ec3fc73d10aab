import { median, rounded } from './report.ts';
import { svgPlot } from './svgPlot.ts';

/** What was measured of one turn. Bytes in units of 1e6. */
export interface SoakSample {
  readonly firstTokenMs: number;
  readonly decodeMsPerToken: number;
  /** From asking to the whole answer. */
  readonly turnMs: number;
  /** From the answer to the end of the work in idle time. */
  readonly idleMs: number;
  readonly kvRows: number;
  readonly budgetUsedMB: number;
  readonly rssMB: number | null;
  readonly storeMB: number;
  readonly spilled: number;
  readonly anchored: number;
  readonly readAgain: number;
  /** Tokens of the question and what was attached to it, and of what was read again for it. */
  readonly readTokens: number;
}

/** What a token takes that is read before the answer: turns differ in how many those are. */
export function firstTokenMsPerToken({ firstTokenMs, readTokens }: SoakSample): number {
  return firstTokenMs / Math.max(1, readTokens);
}

/** Turns of each part of the session that are compared. */
export const windowTurns = 50;

/** Medians of the first turns, of those in the middle and of the last ones, and how flat that is. */
export function flatness(
  samples: readonly SoakSample[],
  pick: (sample: SoakSample) => number | null,
): { first: number; middle: number; last: number; lastOverFirst: number; lastOverMiddle: number } | null {
  const length = Math.min(windowTurns, Math.floor(samples.length / 3));
  const from = Math.floor((samples.length - length) / 2);
  const [first, middle, last] = [
    samples.slice(0, length),
    samples.slice(from, from + length),
    samples.slice(-length),
  ].map((window) => median(window.map(pick).filter((value) => value !== null)));
  if (first === undefined || middle === undefined || last === undefined || Number.isNaN(first + middle + last))
    return null;
  return {
    first: rounded(first, 3),
    middle: rounded(middle, 3),
    last: rounded(last, 3),
    lastOverFirst: rounded(last / first, 3),
    lastOverMiddle: rounded(last / middle, 3),
  };
}

/** The samples by what was measured: smaller than one object a turn, and as the plot takes them. */
export function columns(samples: readonly SoakSample[]): Record<keyof SoakSample, (number | null)[]> {
  const column = (pick: (sample: SoakSample) => number | null): (number | null)[] =>
    samples.map((sample) => {
      const value = pick(sample);
      return value === null ? null : rounded(value, 3);
    });
  return {
    firstTokenMs: column((sample) => sample.firstTokenMs),
    decodeMsPerToken: column((sample) => sample.decodeMsPerToken),
    turnMs: column((sample) => sample.turnMs),
    idleMs: column((sample) => sample.idleMs),
    kvRows: column((sample) => sample.kvRows),
    budgetUsedMB: column((sample) => sample.budgetUsedMB),
    rssMB: column((sample) => sample.rssMB),
    storeMB: column((sample) => sample.storeMB),
    spilled: column((sample) => sample.spilled),
    anchored: column((sample) => sample.anchored),
    readAgain: column((sample) => sample.readAgain),
    readTokens: column((sample) => sample.readTokens),
  };
}

const [blue, grey, orange] = ['#2f7fd6', '#8a8f98', '#d9822b'];

/** Time to the first token, memory against its budget, and where the sequences are, over the turns. */
export function soakPlot(samples: readonly SoakSample[], budgetMB: number): string {
  const of = columns(samples);
  const running = samples.map((_, i) => median(samples.slice(Math.max(0, i - 24), i + 26).map((s) => s.firstTokenMs)));
  return svgPlot(
    [
      {
        title: 'time to the first token',
        unit: 'ms',
        series: [
          { label: 'each turn', color: grey, values: of.firstTokenMs, isScatter: true },
          { label: `median of ${windowTurns}`, color: blue, values: running },
        ],
      },
      {
        title: 'keys and values, with all that the budget counts',
        unit: 'MB',
        series: [
          { label: 'budget', color: orange, values: samples.map(() => budgetMB) },
          { label: 'taken after the turn', color: blue, values: of.budgetUsedMB },
        ],
      },
      {
        title: 'sequences of the session',
        unit: '',
        series: [
          { label: 'in the store only', color: grey, values: of.spilled },
          { label: 'held as anchors', color: blue, values: of.anchored },
        ],
      },
    ],
    'turn',
  );
}
