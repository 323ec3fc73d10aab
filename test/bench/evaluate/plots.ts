import type { ArmFigures, TaskFigures } from './figures.ts';
import { armOf } from './overview.ts';

const width = 400;
const height = 260;
const margin = { left: 52, right: 16, top: 34, bottom: 44 };
const columns = 3;
/** A legend's line. */
const legendLine = 16;

/** Readings that make a line each, with its colour: the rest of the name is the ratio. */
const lines = [
  ['anchors', '#1b62c4'],
  ['untrained anchors', '#7a5bb8'],
  ['recent (StreamingLLM)', '#c4511b'],
  ['separators (SepLLM)', '#b8860b'],
  ['attention (KVzip)', '#1b8a5a'],
  ['random tokens', '#8a8f98'],
  ['summary', '#b83280'],
] as const;

/** Kept cache against score, a panel a task, as one SVG image; the dashed lines are reading everything, and nothing. */
export function keptPlot(tasks: readonly TaskFigures[]): string {
  const shown = tasks.filter(({ arms }) =>
    arms.some(({ contextKept, ratio }) => ratio !== null && contextKept !== null),
  );
  const rows = Math.ceil(shown.length / columns);
  const legendTop = rows * height + legendLine;
  const legendRows = Math.ceil(lines.length / columns);
  const [total, across] = [legendTop + legendRows * legendLine, Math.min(columns, Math.max(1, shown.length)) * width];
  const panels = shown.map((task, i) => {
    const [x, y] = [(i % columns) * width, Math.floor(i / columns) * height];
    return `<g transform="translate(${x} ${y})">\n${panelSvg(task)}\n</g>`;
  });
  const legend = lines.map(([name, color], i) =>
    text(
      margin.left + (i % columns) * (across / columns),
      legendTop + Math.floor(i / columns) * legendLine,
      name,
      'start',
      color,
    ),
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${across}" height="${total}" viewBox="0 0 ${across} ${total}" font-family="sans-serif" font-size="11">
<rect width="100%" height="100%" fill="#ffffff"/>
${[...panels, ...legend].join('\n')}
</svg>
`;
}

/** The points of one line: share of the context's rows that is kept, in percent, and the score. */
function pointsOf(task: TaskFigures, name: string): { readonly x: number; readonly y: number }[] {
  const own = task.arms.filter((arm) => arm.name.startsWith(`${name} /`));
  const points = own.flatMap((arm) => {
    const score = drawnScore(task, arm);
    return arm.contextKept === null || score === undefined ? [] : [{ x: 100 * arm.contextKept, y: score }];
  });
  return points.sort((a, b) => a.x - b.x);
}

/** A control is drawn as far from the anchors of its ratio as it is on the items of both: it may have run on fewer, and easier ones. */
function drawnScore(task: TaskFigures, arm: ArmFigures): number | undefined {
  const [metric = ''] = task.metrics;
  const { ratio } = arm;
  if (ratio === null) return undefined;
  const anchors = armOf(task, { package: 'anchors', mode: 'anchors', ratio })?.scores[metric]?.value;
  const more = arm.anchorsMore[metric]?.value;
  if (anchors === undefined || more === undefined) return arm.scores[metric]?.value;
  return anchors - more;
}

function panelSvg(task: TaskFigures): string {
  const [metric = ''] = task.metrics;
  const scoreOf = (mode: string): number | undefined =>
    task.arms.find((arm: ArmFigures) => arm.package === 'anchors' && arm.mode === mode)?.scores[metric]?.value;
  const bounds = [scoreOf('full'), scoreOf('none')].filter((value) => value !== undefined);
  const all = lines.map(([name, color]) => ({ color, points: pointsOf(task, name) }));
  const scores = [...bounds, ...all.flatMap(({ points }) => points.map(({ y }) => y))];
  const most = Math.max(10, ...all.flatMap(({ points }) => points.map(({ x }) => x)));
  const [low, high] = [Math.min(...scores), Math.max(...scores)];
  const span = high > low ? high - low : 1;
  const plot = { width: width - margin.left - margin.right, height: height - margin.top - margin.bottom };
  const x = (value: number): number => margin.left + (plot.width * value) / (1.05 * most);
  const y = (value: number): number => margin.top + plot.height * (1 - (value - low + 0.05 * span) / (1.1 * span));
  const bottom = margin.top + plot.height;
  return [
    text(margin.left, 18, task.title, 'start', '#24292f', ' font-weight="bold"'),
    ...[low, (low + high) / 2, high].map((tick) => text(margin.left - 6, y(tick) + 4, tick.toPrecision(3), 'end')),
    ...[0, most / 2, most].map((tick) => text(x(tick), bottom + 16, `${tick.toFixed(0)}%`, 'middle')),
    text(margin.left + plot.width / 2, bottom + 32, `of the context's rows kept; ${metric}`, 'middle'),
    `<path d="M${margin.left} ${margin.top}V${bottom}H${width - margin.right}" fill="none" stroke="#8a8f98"/>`,
    ...bounds.map(
      (value) => `<path d="M${margin.left} ${at(y(value))}h${plot.width}" stroke="#b5bac2" stroke-dasharray="4 3"/>`,
    ),
    ...all.flatMap(({ color, points }) => {
      if (points.length === 0) return [];
      const path = points.map((point, i) => `${i === 0 ? 'M' : 'L'}${at(x(point.x))} ${at(y(point.y))}`).join('');
      return [
        `<path d="${path}" fill="none" stroke="${color}" stroke-width="1.6"/>`,
        ...points.map((point) => `<circle cx="${at(x(point.x))}" cy="${at(y(point.y))}" r="2.8" fill="${color}"/>`),
      ];
    }),
  ].join('\n');
}

function text(x: number, y: number, words: string, anchor: string, color = '#444a52', more = ''): string {
  const escaped = words.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<text x="${at(x)}" y="${at(y)}" text-anchor="${anchor}" fill="${color}"${more}>${escaped}</text>`;
}

function at(value: number): string {
  return String(Math.round(value * 10) / 10);
}
