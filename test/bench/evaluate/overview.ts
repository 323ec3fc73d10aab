import type { Acceleration } from './acceleration.ts';
import type { ArmFigures, TaskFigures } from './figures.ts';
import { mean } from './metrics/bootstrap.ts';
import { estimateText, markdownTable } from './tables.ts';
import type { Regression } from './regression.ts';

/** The table of arXiv 2402.07616: accuracy in percent of every set under every reading, C, and T. */
export function paperTable(
  tasks: readonly TaskFigures[],
  accelerations: Readonly<Record<string, Acceleration>>,
): string {
  const own = tasks.filter(({ part }) => part === 'paper');
  if (own.length === 0) return '';
  const names = [...new Set(own.flatMap(({ arms }) => arms.map(({ name }) => name)))];
  const lines = names.map((name) => {
    const found = own.map(({ arms, metrics }) => {
      const arm = arms.find((each) => each.name === name);
      return { arm, score: arm?.scores[metrics[0] ?? '']?.value };
    });
    const scores = found.flatMap(({ score }) => (score === undefined ? [] : [100 * score]));
    const saved = found.flatMap(({ arm }) =>
      arm === undefined || arm.contextKept === null ? [] : [1 - arm.contextKept],
    );
    const cells = found.map(({ score }) => (score === undefined ? '-' : (100 * score).toFixed(1)));
    const items = Math.min(...found.flatMap(({ arm }) => (arm === undefined ? [] : [arm.items])));
    return [
      name,
      String(items),
      ...cells,
      scores.length < own.length ? '-' : mean(scores).toFixed(1),
      saved.length === 0 ? '-' : `${(100 * mean(saved)).toFixed(1)}%`,
      ...accelerationCells(found.map(({ arm }, i) => accelerations[own[i]?.name ?? '']?.[arm?.name ?? ''])),
    ];
  });
  const titles = own.map(({ title, metrics }) => `${title.replace(', 5 shots', '')} (${metrics[0] ?? ''})`);
  const columns = ['reading, 5 shots', 'items a set', ...titles, 'average', 'C', 'T, no caching', 'T, full caching'];
  return [
    ...markdownTable(columns, lines),
    '',
    "C: share of the demonstrations' rows of keys and values that is not kept. T: the time to read a question after the demonstrations, without any",
    'caching (everything is read again) and with full caching, divided by the time after the reduced cache; the median of the same questions.',
  ].join('\n');
}

function accelerationCells(all: readonly (Acceleration[string] | undefined)[]): [string, string] {
  const known = all.filter((one) => one !== undefined);
  if (known.length === 0) return ['-', '-'];
  return [
    mean(known.map(({ againstNoCaching }) => againstNoCaching)).toFixed(2),
    mean(known.map(({ againstFullCaching }) => againstFullCaching)).toFixed(2),
  ];
}

/** The eight sets without demonstrations: base and adapter, nothing compressed, and what is published of the base. */
export function regressionTable({ sets, average, averagePublished }: Regression): string {
  const lines = sets.map((set) => [
    `${set.title} (${set.metric})`,
    String(set.items),
    percentText(set.base),
    percentText(set.adapter),
    estimateText(set.difference, 1),
    set.published === null ? '-' : set.published.score.toFixed(1),
    set.published === null ? '-' : `${signed(set.published.difference)} (${set.published.metric})`,
  ]);
  lines.push([
    'average',
    '',
    '',
    '',
    estimateText(average, 1),
    '',
    averagePublished === null ? '-' : signed(averagePublished),
  ]);
  const columns = ['0 shots', 'items', 'base', 'adapter', 'adapter - base', 'published base', 'base - published'];
  return markdownTable(columns, lines).join('\n');
}

function percentText(value: number): string {
  return value.toFixed(1);
}

function signed(value: number): string {
  return `${value >= 0 ? '+' : ''}${value.toFixed(1)}`;
}

/** The arm of a task by its reading. */
export function armOf(
  task: TaskFigures | undefined,
  wanted: { readonly package: string; readonly mode: string; readonly ratio?: number },
): ArmFigures | undefined {
  return task?.arms.find(
    (arm) => arm.package === wanted.package && arm.mode === wanted.mode && arm.ratio === (wanted.ratio ?? null),
  );
}
