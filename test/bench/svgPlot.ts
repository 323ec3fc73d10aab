/** A line of a plot: values against their place, counted from 1; null leaves a gap. */
export interface Series {
  readonly label: string;
  readonly color: string;
  readonly values: readonly (number | null)[];
  /** Points instead of a line. */
  readonly isScatter?: boolean;
}

export interface Panel {
  readonly title: string;
  readonly unit: string;
  readonly series: readonly Series[];
  /** What stands below every place; by default the first and the last are numbered. */
  readonly xTicks?: readonly string[];
  /** Of the vertical axis: from 0, or between powers of 10. */
  readonly scale?: 'linear' | 'logarithmic';
}

const width = 420;
const height = 240;
const margin = { left: 48, right: 14, top: 30, bottom: 38 };
const plotWidth = width - margin.left - margin.right;
const plotHeight = height - margin.top - margin.bottom;

/** Series that are named in one line below a panel, and the height of such a line. */
const legendColumns = 3;
const legendLine = 15;

/** Panels side by side as one SVG image, readable on light and dark pages. Linear vertical axes begin at 0. */
export function svgPlot(panels: readonly Panel[], xLabel: string): string {
  const legendLines = Math.max(1, ...panels.map(({ series }) => Math.ceil(series.length / legendColumns)));
  const axisLine = panels.some(({ xTicks }) => xTicks !== undefined) ? legendLine : 0;
  const total = height + axisLine + (legendLines - 1) * legendLine;
  const body = panels.map(
    (panel, i) => `<g transform="translate(${i * width} 0)">\n${panelSvg(panel, xLabel, height + axisLine)}\n</g>`,
  );
  const size = `width="${panels.length * width}" height="${total}" viewBox="0 0 ${panels.length * width} ${total}"`;
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} font-family="sans-serif" font-size="11">
<rect width="100%" height="100%" fill="#ffffff"/>
${body.join('\n')}
</svg>
`;
}

function panelSvg({ title, unit, series, xTicks, scale = 'linear' }: Panel, xLabel: string, legendTop: number): string {
  const count = Math.max(1, ...series.map(({ values }) => values.length));
  const numbers = series.flatMap(({ values }) => values.filter((value) => value !== null));
  const ticks = scale === 'linear' ? ticksTo(Math.max(0, ...numbers)) : powersAround(numbers);
  const onAxis = (value: number): number => (scale === 'linear' ? value : Math.log10(value));
  const [low, high] = [onAxis(ticks[0] ?? 0), onAxis(ticks.at(-1) ?? 1)];
  const x = (index: number): number => margin.left + (plotWidth * index) / Math.max(1, count - 1);
  const y = (value: number): number => margin.top + plotHeight * (1 - (onAxis(value) - low) / (high - low));
  const grid = ticks.map(
    (tick) =>
      `<path d="M${margin.left} ${at(y(tick))}h${plotWidth}" stroke="#e3e5e8"/>` +
      text(margin.left - 6, y(tick) + 4, String(tick), 'end'),
  );
  const bottom = height - margin.bottom;
  const labels = [
    text(margin.left, 18, title, 'start', ' font-weight="bold"'),
    ...xLabels(xTicks ?? ['1', ...Array.from({ length: count - 2 }, () => ''), String(count)], x, bottom + 15),
    text(margin.left + plotWidth / 2, bottom + (xTicks === undefined ? 15 : 15 + legendLine), xLabel, 'middle'),
    text(width - margin.right, 18, unit, 'end'),
    ...series.map(({ label, color }, i) => {
      const columns = Math.min(legendColumns, series.length);
      const across = margin.left + ((i % columns) * plotWidth) / columns;
      const down = legendTop - 6 + Math.floor(i / columns) * legendLine;
      return text(across, down, label, 'start', ` style="fill:${color}"`);
    }),
  ];
  return [...grid, ...series.map((each) => seriesSvg(each, x, y)), ...labels].join('\n');
}

/** The first is centred below its place, the last ends there. */
function xLabels(ticks: readonly string[], x: (i: number) => number, y: number): string[] {
  return ticks.flatMap((tick, i) =>
    tick === '' ? [] : [text(x(i), y, tick, i > 0 && i === ticks.length - 1 ? 'end' : 'middle')],
  );
}

function seriesSvg({ values, color, isScatter }: Series, x: (i: number) => number, y: (v: number) => number): string {
  let path = '';
  let isOpen = false;
  for (const [i, value] of values.entries()) {
    if (value === null) isOpen = false;
    else {
      // A line of no length with round ends is a point.
      path += `${isOpen ? 'L' : 'M'}${at(x(i))} ${at(y(value))}${isScatter === true ? 'h0' : ''}`;
      isOpen = isScatter !== true;
    }
  }
  const stroke = isScatter === true ? 'stroke-width="2.5" stroke-opacity="0.5"' : 'stroke-width="1.6"';
  return `<path d="${path}" fill="none" stroke="${color}" ${stroke} stroke-linecap="round"/>`;
}

function text(x: number, y: number, words: string, anchor: string, more = ''): string {
  const escaped = words.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<text x="${at(x)}" y="${at(y)}" text-anchor="${anchor}" fill="#444a52"${more}>${escaped}</text>`;
}

/** Four to eight round numbers from 0 to `most` or just past it. */
export function ticksTo(most: number): number[] {
  if (!(most > 0)) return [0, 1];
  const rough = most / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([5, 2, 1].find((factor) => factor * power <= rough) ?? 1);
  return Array.from({ length: Math.ceil(most / step - 1e-9) + 1 }, (_, i) => Number((i * step).toPrecision(12)));
}

/** Powers of 10 from the least number or below it to the largest or above it. */
function powersAround(values: readonly number[]): number[] {
  const logarithms = values.filter((value) => value > 0).map(Math.log10);
  if (logarithms.length === 0) return [1, 10];
  const low = Math.floor(Math.min(...logarithms));
  const high = Math.max(low + 1, Math.ceil(Math.max(...logarithms)));
  return Array.from({ length: high - low + 1 }, (_, i) => Number(`1e${low + i}`));
}

function at(value: number): string {
  return String(Math.round(value * 10) / 10);
}
