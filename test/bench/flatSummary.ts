import type { FlatKind } from './flatTurns.ts';
import { median, rounded } from './report.ts';
import { svgPlot } from './svgPlot.ts';

/** What was measured of one turn. Bytes in units of 1e6. */
export interface FlatSample {
  readonly kind: FlatKind;
  readonly firstTokenMs: number;
  /** A token of the answer after its first; null for an answer of one token. */
  readonly decodeMs: number | null;
  readonly turnMs: number;
  /** Rows of keys and values that were held when the question came. */
  readonly rows: number;
  /** Tokens of the question, and of what was read again for it. */
  readonly readTokens: number;
  /** Sequences that were read again. */
  readonly readAgain: number;
  readonly budgetUsedMB: number;
  readonly rssMB: number | null;
}

/** A turn near the beginning and one at the end are compared, each with those round it. Turns count from 1. */
const earlyTurns = { from: 3, to: 10 } as const;
const lateTurns = 30;
/** Sessions that are begun beside the long one's last turns, a turn here and a turn there, and the turns of each. */
export const freshSessions = 3;
export const freshTurns = lateTurns / freshSessions;

/** What turn 500 may take of turn 5's time. */
export const most = 1.15;

interface Window {
  readonly turns: readonly [number, number];
  readonly count: number;
  readonly median: number;
  readonly least: number;
  readonly largest: number;
}

export interface Comparison {
  readonly early: Window;
  readonly late: Window;
  /** The early turns of the sessions that were begun beside the late ones. */
  readonly fresh: Window;
  readonly lateOverEarly: number;
  readonly lateOverFresh: number;
}

/** A long session, and the beginnings of others beside its end, in the same process: a machine's speed changes in minutes. */
export interface Sessions {
  readonly samples: readonly FlatSample[];
  /** By session. */
  readonly fresh: readonly (readonly FlatSample[])[];
}

type Pick = (sample: FlatSample) => number | null;

/** The early turns and the last ones; null where one of them has nothing of it. */
export function compared({ samples, fresh: beside }: Sessions, pick: Pick): Comparison | null {
  const { from, to } = earlyTurns;
  const early = windowOf([samples], from, to, pick);
  const late = windowOf([samples], samples.length - lateTurns + 1, samples.length, pick);
  const fresh = windowOf(beside, from, to, pick);
  if (early === null || late === null || fresh === null) return null;
  const over = (before: Window): number => rounded(late.median / before.median, 3);
  return { early, late, fresh, lateOverEarly: over(early), lateOverFresh: over(fresh) };
}

/** By the turns that were asked beside each other. */
export function isWithin({ lateOverFresh }: Comparison): boolean {
  return lateOverFresh <= most;
}

/** Only the samples of one kind count. */
export function ofKind(kind: FlatKind, pick: Pick): Pick {
  return (sample) => (sample.kind === kind ? pick(sample) : null);
}

/** Medians of the turns that had so many rows to attend to: what the length of a session costs, and from where on. */
export function byRows(samples: readonly FlatSample[], step = 100): object[] {
  const bins = [...new Set(samples.map(({ rows }) => Math.floor(rows / step)))].sort((a, b) => a - b);
  return bins.map((bin) => {
    const within = samples.filter(({ rows }) => Math.floor(rows / step) === bin);
    const middle = (pick: Pick): number | null => medianOf(within, pick);
    return {
      rows: [bin * step, (bin + 1) * step - 1],
      turns: within.length,
      tellFirstTokenMs: middle(ofKind('tell', (sample) => sample.firstTokenMs)),
      askFirstTokenMs: middle(ofKind('ask', (sample) => sample.firstTokenMs)),
      decodeMs: middle((sample) => sample.decodeMs),
    };
  });
}

function windowOf(sessions: readonly (readonly FlatSample[])[], from: number, to: number, pick: Pick): Window | null {
  const values = sessions.flatMap((samples) => valuesOf(samples.slice(Math.max(0, from - 1), to), pick));
  if (values.length === 0) return null;
  const [least, middle, largest] = [Math.min(...values), median(values), Math.max(...values)];
  return {
    turns: [from, to],
    count: values.length,
    median: rounded(middle, 3),
    least: rounded(least, 3),
    largest: rounded(largest, 3),
  };
}

function medianOf(samples: readonly FlatSample[], pick: Pick): number | null {
  const values = valuesOf(samples, pick);
  return values.length === 0 ? null : rounded(median(values), 3);
}

function valuesOf(samples: readonly FlatSample[], pick: Pick): number[] {
  return samples.map(pick).filter((value) => value !== null);
}

/** The samples by what was measured: smaller than one object a turn. */
export function flatColumns(samples: readonly FlatSample[]): object {
  const column = (pick: Pick): (number | null)[] =>
    samples.map((sample) => {
      const value = pick(sample);
      return value === null ? null : rounded(value, 3);
    });
  return {
    kind: samples.map(({ kind }) => kind),
    firstTokenMs: column((sample) => sample.firstTokenMs),
    decodeMs: column((sample) => sample.decodeMs),
    turnMs: column((sample) => sample.turnMs),
    rows: column((sample) => sample.rows),
    readTokens: column((sample) => sample.readTokens),
    budgetUsedMB: column((sample) => sample.budgetUsedMB),
    rssMB: column((sample) => sample.rssMB),
  };
}

const [blue, orange] = ['#2f7fd6', '#d9822b'];

/** Turns on either side of one that its point of a line is the median of. */
const beside = 10;

/** Time to the first token and of those after it, and what is held, over the turns. */
export function flatPlot(samples: readonly FlatSample[], budgetMB: number): string {
  const running = (pick: Pick): (number | null)[] =>
    samples.map((_, i) => medianOf(samples.slice(Math.max(0, i - beside), i + beside + 1), pick));
  const firstToken = (kind: FlatKind): (number | null)[] => running(ofKind(kind, (sample) => sample.firstTokenMs));
  return svgPlot(
    [
      {
        title: 'time to the first token',
        unit: 'ms',
        series: [
          { label: 'something new', color: blue, values: firstToken('tell') },
          { label: 'with a note read again', color: orange, values: firstToken('ask') },
        ],
      },
      {
        title: 'a token of the answer after that',
        unit: 'ms',
        series: [{ label: `median of ${2 * beside + 1} turns`, color: blue, values: running((s) => s.decodeMs) }],
      },
      {
        title: 'keys and values, with all that the budget counts',
        unit: 'MB',
        series: [
          { label: 'budget', color: orange, values: samples.map(() => budgetMB) },
          { label: 'taken after the turn', color: blue, values: samples.map((sample) => sample.budgetUsedMB) },
        ],
      },
    ],
    'turn',
  );
}
