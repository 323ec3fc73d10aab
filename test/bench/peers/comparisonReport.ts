import { rounded } from '../report.ts';
import type { Comparison } from './comparison.ts';
import { engineLabels, engineNames, windowTokens, type EngineName } from './engines.ts';
import { Figures, metrics, type Metric, type Spread } from './figures.ts';
import { targetStates, type TargetState } from './speedTargets.ts';

/** A comparison as it is printed and kept. */
export interface ComparisonReport {
  readonly threads: number;
  /** Share of the machine's processors that other programs took meanwhile: past a few hundredths, measure again. */
  readonly othersShare: number;
  readonly weightsMB: number;
  /** What the processors read of memory in a second, by round. */
  readonly readGBps: readonly number[];
  readonly lengths: readonly number[];
  readonly engines: readonly EngineReport[];
  readonly targets: readonly TargetState[];
  /** Where full caching is at least as good as anchors at a ratio of 8. */
  readonly fullCachingWins: readonly string[];
  readonly agreement: Comparison['agreement'];
  /** What the figures are not. */
  readonly notes: readonly string[];
  readonly problems: readonly string[];
}

interface EngineReport {
  readonly engine: EngineName;
  readonly label: string;
  readonly restoredBy: string | null;
  /** By metric, one for every length; null where it was not measured. */
  readonly figures: Readonly<Partial<Record<Metric, readonly (Spread | null)[]>>>;
}

export function comparisonReport(comparison: Comparison, lengths: readonly number[]): ComparisonReport {
  const figures = new Figures(comparison);
  const { samples, threads, othersShare, agreement, problems } = comparison;
  const engines = engineNames.flatMap((engine): EngineReport[] => {
    const measured = metrics.flatMap((metric) => {
      const spreads = lengths.map((length) => figures.spread({ engine, length, metric }));
      return spreads.some((spread) => spread !== null) ? [[metric, spreads] as const] : [];
    });
    if (measured.length === 0) return [];
    const restoredBy = samples.find((sample) => sample.engine === engine)?.restoredBy ?? null;
    return [{ engine, label: engineLabels[engine], restoredBy, figures: Object.fromEntries(measured) }];
  });
  return {
    threads,
    othersShare: rounded(othersShare, 2),
    weightsMB: rounded(comparison.weightBytes / 1e6),
    readGBps: comparison.bandwidths.map((bandwidth) => rounded(bandwidth / 1e9, 3)),
    lengths,
    engines,
    targets: targetStates(figures),
    fullCachingWins: fullCachingWins(figures, lengths),
    agreement,
    notes: notesOn(lengths),
    problems,
  };
}

function fullCachingWins(figures: Figures, lengths: readonly number[]): string[] {
  const smaller: readonly Metric[] = ['firstTokenMs', 'restoredFirstTokenMs', 'cpuSecondsPerAnswer', 'peakMemoryMB'];
  const compared: readonly Metric[] = ['decodeTokensPerSecond', ...smaller];
  return lengths.flatMap((length) =>
    compared.flatMap((metric) => {
      const anchors = figures.spread({ engine: 'anchors8', length, metric });
      const full = figures.spread({ engine: 'full', length, metric });
      if (anchors === null || full === null) return [];
      const isBetter = smaller.includes(metric) ? full.median <= anchors.median : full.median >= anchors.median;
      return isBetter ? [`${metric} at ${length} tokens: ${full.median} against ${anchors.median}`] : [];
    }),
  );
}

function notesOn(lengths: readonly number[]): string[] {
  const notes = [
    'Full caching never reads a text twice; anchors cost one more reading of every exchange, in idle time after its answer.',
    'llama.cpp holds keys and values in half precision and reserves them for the whole context (kvReservedBytes).',
    'transformers.js has no way to save a session: it reads it again in every process.',
    'Past 8,192 tokens node-llama-cpp runs beyond the window that the model was trained for: its answers there mean nothing.',
  ];
  if (lengths.some((length) => length > windowTokens)) {
    notes.push(
      "Past 8,192 tokens full caching is not possible with this model: its figures are those of the session's first rows, put in again and again. They measure the speed; the answers mean nothing.",
      'No caching, transformers.js and Q8_0 are measured up to 8,192 tokens.',
    );
  }
  return notes;
}

/** The report as text for people: a table for every length, and the targets. */
export function reportText(report: ComparisonReport): string {
  const tables = report.lengths.map((length, i) => {
    const rows = report.engines.flatMap(({ label, figures }) => {
      const cell = (metric: Metric): string => shown(figures[metric]?.[i] ?? null);
      const cells = shownMetrics.map(({ metric, divisor = 1 }) =>
        divisor === 1 ? cell(metric) : shown(scaled(figures[metric]?.[i] ?? null, divisor)),
      );
      return cells.every((text) => text === '-') ? [] : [[label, ...cells]];
    });
    return `${length === 0 ? 'An empty context' : `A session of ${length} tokens`}\n${table([
      ['', ...shownMetrics.map(({ title }) => title)],
      ...rows,
    ])}`;
  });
  const targets = report.targets.map(({ text, wanted, ratio, isMet }) => {
    const state = isMet === null ? 'not measured' : isMet ? 'met' : 'MISSED';
    return [state, wanted, shown(ratio), text];
  });
  return [
    ...tables,
    `Targets: ratio as median [least, most] of the rounds\n${table(targets)}`,
    `Where full caching is as good or better\n  ${report.fullCachingWins.join('\n  ') || 'nowhere'}`,
    `Other programs took ${(100 * report.othersShare).toFixed(0)}% of the machine meanwhile.`,
    ...report.notes.map((note) => `Note: ${note}`),
    ...report.problems.map((problem) => `Problem: ${problem}`),
  ].join('\n\n');
}

const shownMetrics: readonly { metric: Metric; title: string; divisor?: number }[] = [
  { metric: 'firstTokenMs', title: 'first token, ms' },
  { metric: 'coldFirstTokenMs', title: 'cold, ms' },
  { metric: 'decodeTokensPerSecond', title: 'tokens/s' },
  { metric: 'readTokensPerSecond', title: 'reading/s' },
  { metric: 'kvBytes', title: 'kv, MB', divisor: 1e6 },
  { metric: 'peakMemoryMB', title: 'peak, MB' },
  { metric: 'restoredFirstTokenMs', title: 'from start, ms' },
  { metric: 'cpuSecondsPerAnswer', title: 'CPU s' },
];

function scaled(spread: Spread | null, divisor: number): Spread | null {
  if (spread === null) return null;
  const { median, least, most } = spread;
  return { median: median / divisor, least: least / divisor, most: most / divisor };
}

function shown(spread: Spread | null): string {
  if (spread === null) return '-';
  const text = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));
  const { median, least, most } = spread;
  return least === most ? text(median) : `${text(median)} [${text(least)}, ${text(most)}]`;
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) => `  ${row.map((text, column) => text.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd())
    .join('\n');
}

/** The medians of an engine's metric by length, for a plot. */
export function mediansOf(report: ComparisonReport, engine: EngineName, metric: Metric): (number | null)[] {
  const found = report.engines.find((each) => each.engine === engine);
  return report.lengths.map((_, i) => found?.figures[metric]?.[i]?.median ?? null);
}
