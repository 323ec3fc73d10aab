import { svgPlot, type Series } from '../svgPlot.ts';
import { mediansOf, type ComparisonReport } from './comparisonReport.ts';
import { engineLabels, type EngineName } from './engines.ts';
import type { Metric } from './figures.ts';

const colors: Readonly<Partial<Record<EngineName, string>>> = {
  anchors8: '#2f7fd6',
  anchors16: '#1b4f8f',
  full: '#d9822b',
  none: '#8a8f98',
  llamaQ4: '#3a9c5d',
  transformers: '#a04fb5',
};

/** Decode speed, time to the first token, and bytes of keys and values against the length of the session. */
export function comparisonPlot(report: ComparisonReport): string {
  const series = (metric: Metric, divisor: number, engines: readonly EngineName[]): Series[] =>
    engines.flatMap((engine) => {
      const values = mediansOf(report, engine, metric).map((value) => (value === null ? null : value / divisor));
      const color = colors[engine];
      return color === undefined || values.every((value) => value === null)
        ? []
        : [{ label: engineLabels[engine], color, values }];
    });
  const cached: readonly EngineName[] = ['anchors8', 'anchors16', 'full', 'llamaQ4', 'transformers'];
  const ticks = report.lengths.map((length) => (length === 0 ? 'empty' : `${length / 1000}k`));
  return svgPlot(
    [
      { title: 'writing', unit: 'tokens/s', series: series('decodeTokensPerSecond', 1, cached), xTicks: ticks },
      {
        title: 'time to the first token of a turn',
        unit: 'ms, logarithmic',
        series: series('firstTokenMs', 1, [...cached, 'none']),
        xTicks: ticks,
        scale: 'logarithmic',
      },
      {
        title: 'keys and values',
        unit: 'MB, logarithmic',
        series: series('kvBytes', 1e6, cached),
        xTicks: ticks,
        scale: 'logarithmic',
      },
    ],
    'tokens of the session',
  );
}
