import type { TaskFigures } from './figures.ts';
import type { Estimate } from './metrics/bootstrap.ts';
import { markdownTable } from './tables.ts';
import { parts, type Part } from './task.ts';

/** A control beside anchors of the same ratio. */
export interface Comparison {
  readonly part: Part;
  readonly task: string;
  readonly control: string;
  /** How much more anchors score on the same items. */
  readonly more: Estimate;
}

/** Comparisons of a part. Surely: the interval of the difference has no zero in it. */
export interface ControlCounts {
  readonly comparisons: number;
  readonly anchorsMore: number;
  readonly surelyMore: number;
  readonly surelyLess: number;
}

/**
 * Every control of every task. Choices are compared by the log-probability of the right one among them: few items often
 * tie in accuracy.
 */
export function comparedWithControls(tasks: readonly TaskFigures[]): Comparison[] {
  return tasks.flatMap(({ name: task, part, metrics, arms }) =>
    arms.flatMap((arm) => {
      const more = arm.anchorsMore[metrics.includes('right') ? 'right' : (metrics[0] ?? '')] ?? null;
      return more === null ? [] : [{ part, task, control: arm.name, more }];
    }),
  );
}

export function controlCounts(all: readonly Comparison[]): Partial<Record<Part, ControlCounts>> {
  return Object.fromEntries(
    parts.flatMap((part) => {
      const own = all.filter((each) => each.part === part).map(({ more }) => more);
      if (own.length === 0) return [];
      const count = (holds: (more: Estimate) => boolean): number => own.filter(holds).length;
      const counts: ControlCounts = {
        comparisons: own.length,
        anchorsMore: count(({ value }) => value > 0),
        surelyMore: count(({ low }) => low > 0),
        surelyLess: count(({ high }) => high < 0),
      };
      return [[part, counts]];
    }),
  );
}

/** By part how often anchors score more, and by task the controls that they do not beat; bold: surely. */
export function controlTables(all: readonly Comparison[]): string[] {
  const counts = Object.entries(controlCounts(all)).map(
    ([part, { comparisons, anchorsMore, surelyMore, surelyLess }]) =>
      [part, comparisons, anchorsMore, surelyMore, surelyLess].map(String),
  );
  if (counts.length === 0) return [];
  const lost = new Map<string, string[]>();
  for (const { task, control, more } of all) {
    if (more.value > 0) continue;
    const names = lost.get(task) ?? [];
    lost.set(task, [...names, more.high < 0 ? `**${control}**` : control]);
  }
  const columns = ['part', 'comparisons', 'anchors score more', 'surely more', 'surely less'];
  const others = [...lost].map(([task, names]) => [task, names.join(', ')]);
  return [
    ...markdownTable(columns, counts),
    '',
    'Surely: the 95% interval of the difference, on the items that both have, leaves 0 out.',
    ...(others.length === 0 ? [] : ['', ...markdownTable(['task', 'controls not beaten (bold: surely)'], others)]),
  ];
}
