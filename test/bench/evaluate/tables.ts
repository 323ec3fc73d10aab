import type { ArmFigures, TaskFigures } from './figures.ts';
import type { Estimate } from './metrics/bootstrap.ts';

/** Scores that are shares, and shown in percent. */
const shares = new Set(['acc', 'acc_norm', 'exact', 'chrF', 'ROUGE_L', 'BLEU_4']);

/** A task's table in Markdown, with what a reader has to know below it. */
export function taskTable({ title, items, metrics, arms, caveats }: TaskFigures): string {
  const columns = [
    'reading',
    'items',
    'cache kept',
    'of the context',
    ...metrics.map(metricTitle),
    `recovery (${metrics[0] ?? ''})`,
    'anchors score more by',
  ];
  const [metric = ''] = metrics;
  const lines = arms.map((arm) => [
    arm.name,
    String(arm.items),
    percent(arm.kept),
    percent(arm.contextKept),
    ...metrics.map((name) => scoreText(name, arm.scores[name] ?? null)),
    estimateText(arm.recovery[metric] ?? null, 2),
    scoreText(metric, arm.anchorsMore[metric] ?? null),
  ]);
  const errors = arms.flatMap(({ name, errors: all }) => all.map((error) => `${name}: ${error}`));
  const notes = [...caveats, ...errors].map((note) => `- ${note}`);
  return [
    `### ${title} (${items} items)`,
    '',
    ...markdownTable(columns, lines),
    '',
    ...notes,
    ...groupTable(arms, metrics),
  ]
    .join('\n')
    .trimEnd();
}

export function metricTitle(metric: string): string {
  return shares.has(metric) ? `${metric}, %` : metric;
}

/** In percent where the metric is a share. */
export function scoreText(metric: string, estimate: Estimate | null): string {
  return shares.has(metric) ? estimateText(scaled(estimate, 100), 1) : estimateText(estimate, 2);
}

export function estimateText(estimate: Estimate | null, digits: number): string {
  if (estimate === null) return '-';
  const { value, low, high } = estimate;
  return `${value.toFixed(digits)} [${low.toFixed(digits)}, ${high.toFixed(digits)}]`;
}

export function percent(share: number | null): string {
  return share === null ? '-' : `${(100 * share).toFixed(1)}%`;
}

export function markdownTable(columns: readonly string[], lines: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(columns), line(columns.map(() => '---')), ...lines.map(line)];
}

/** The means by group, where items have groups. */
function groupTable(arms: readonly ArmFigures[], [metric = '', second]: readonly string[]): string[] {
  const groups = [...new Set(arms.flatMap((arm) => Object.keys(arm.groups)))];
  if (groups.length === 0) return [];
  const factor = (name: string): number => (shares.has(name) ? 100 : 1);
  const cell = (arm: ArmFigures, group: string): string => {
    const means = arm.groups[group];
    if (means === undefined) return '-';
    return [metric, ...(second === 'exact' ? [second] : [])]
      .map((name) => ((means[name] ?? NaN) * factor(name)).toFixed(factor(name) === 100 ? 0 : 2))
      .join(' / ');
  };
  const title = second === 'exact' ? `${metric} / ${metricTitle('exact')}` : metricTitle(metric);
  const lines = arms.map((arm) => [arm.name, ...groups.map((group) => cell(arm, group))]);
  return ['', `Means of ${title}:`, '', ...markdownTable(['reading', ...groups], lines)];
}

function scaled(estimate: Estimate | null, factor: number): Estimate | null {
  if (estimate === null) return null;
  return { value: factor * estimate.value, low: factor * estimate.low, high: factor * estimate.high };
}
