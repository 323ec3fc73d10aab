import type { TaskFigures } from './figures.ts';
import { together } from './figures.ts';
import { differenceEstimate, mean, meanOfGroups, type Estimate } from './metrics/bootstrap.ts';
import type { ArmRun } from './runTask.ts';
import { publishedBase } from './tasks/paper.ts';

/** What the adapter with nothing compressed scores beside the base; in percent and points. */
export interface Regression {
  readonly sets: readonly RegressionSet[];
  /** Mean over the sets of adapter - base; items are drawn again within each set. */
  readonly average: Estimate | null;
  /** Mean over the sets with published scores of base - published. */
  readonly averagePublished: number | null;
}

export interface RegressionSet {
  readonly name: string;
  readonly title: string;
  readonly metric: string;
  readonly items: number;
  readonly base: number;
  readonly adapter: number;
  readonly difference: Estimate | null;
  readonly published: { readonly metric: string; readonly score: number; readonly difference: number } | null;
}

/** @param done tasks of the part `regression` with their runs. */
export function regressionOf(
  done: readonly { readonly figures: TaskFigures; readonly runs: readonly ArmRun[] }[],
): Regression | null {
  const differences: number[][] = [];
  const sets = done.flatMap(({ figures, runs }): RegressionSet[] => {
    const [metric = 'acc'] = figures.metrics;
    const [adapterRun, baseRun] = ['anchors', 'base'].map((name) => runs.find(({ arm }) => arm.package === name));
    const [adapter = [], base = []] = together([adapterRun, baseRun], metric);
    if (adapter.length === 0) return [];
    const points = (values: readonly number[]): number[] => values.map((value) => 100 * value);
    differences.push(adapter.map((value, i) => 100 * (value - (base[i] ?? NaN))));
    const name = figures.name.replace('-0shot', '');
    return [
      {
        name,
        title: figures.title.replace(', 0 shots', ''),
        metric,
        items: adapter.length,
        base: mean(points(base)),
        adapter: mean(points(adapter)),
        difference: differenceEstimate(points(adapter), points(base)),
        published: publishedDifference(name, baseRun),
      },
    ];
  });
  if (sets.length === 0) return null;
  const known = sets.flatMap(({ published }) => (published === null ? [] : [published.difference]));
  return {
    sets,
    average: meanOfGroups(differences),
    averagePublished: known.length === 0 ? null : mean(known),
  };
}

function publishedDifference(name: string, baseRun: ArmRun | undefined): RegressionSet['published'] {
  const published = publishedBase[name];
  if (published === undefined) return null;
  const [scores = []] = together([baseRun], published.metric);
  return { ...published, difference: 100 * mean(scores) - published.score };
}
