import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AnchorageError, messageOf } from '../../../src/protocol/errors.ts';
import { rounded } from '../report.ts';
import type { Acceleration } from './acceleration.ts';
import { comparedWithControls, controlCounts, controlTables } from './controls.ts';
import type { TaskFigures } from './figures.ts';
import type { Estimate } from './metrics/bootstrap.ts';
import { paperTable, regressionTable } from './overview.ts';
import { keptPlot } from './plots.ts';
import type { Regression } from './regression.ts';
import { markdownTable, taskTable } from './tables.ts';
import { targets } from './targets.ts';
import { parts, type Part, type Scale } from './task.ts';

/** All that a run found. */
export interface Evaluation {
  readonly variant: string;
  readonly scale: Scale;
  /** Whether fewer items were run than the scale has. */
  readonly isPart: boolean;
  readonly seconds: number;
  readonly rows: { readonly computed: number; readonly known: number };
  readonly tasks: readonly TaskFigures[];
  readonly regression: Regression | null;
  /** By task. */
  readonly accelerations: Readonly<Record<string, Acceleration>>;
  readonly leftOut: readonly string[];
}

const titles: Readonly<Record<Part, string>> = {
  paper: "The paper's sets with five demonstrations",
  memory: 'Memory',
  work: 'Work on code',
  regression: 'Nothing compressed',
};

/** Every table, in Markdown. */
export function cardText(evaluation: Evaluation): string {
  const { tasks, regression, accelerations, variant, scale, leftOut } = evaluation;
  const command = `npm run --silent evaluate --${scale === 'quick' ? ' --quick' : ''} --variant ${variant}`;
  const sections = parts.flatMap((part) => {
    const own = tasks.filter((task) => task.part === part);
    if (own.length === 0) return [];
    const overview = part === 'paper' ? [paperTable(own, accelerations)] : [];
    const compared =
      part === 'regression' && regression !== null ? [regressionTable(regression), regressionNote(own)] : [];
    const details = part === 'regression' ? [] : own.map(taskTable);
    return [`## ${titles[part]}`, ...overview, ...compared, ...details];
  });
  return [
    '# Evaluation',
    ...(scale === 'whole' && evaluation.isPart
      ? ['Part of the evaluation: the first items of each task, as many as its tables say, so that intervals are wide.']
      : []),
    ...(scale === 'quick'
      ? ['A quick run: a few items of each task show that everything works; no figure here says more.']
      : []),
    `\`${command}\`: ${variant} weights, on a CPU, with a cache that is really reduced. Intervals: 95%, bootstrap over items. ` +
      'Recovery = (reading - none) / (full - none), by the same weights; "-" where reading everything gains nothing that so few items show. ' +
      '"Cache kept" counts every row of keys and values when the answer begins, "of the context" those of the chunks alone. ' +
      'Kept by rule, on the weights with the adapter: recent (the last tokens), separators, attention and random tokens, as many rows as the anchors are; ' +
      'untrained anchors: of the bare base; summary: as many tokens of words. Controls run on the first items alone: "anchors score more by" compares both on those, and the plots draw them as far from the anchors as that. ' +
      'right: mean log-probability of the right choice among the choices; logProb: of a token of the expected text.',
    targetTable(evaluation),
    ...sections,
    ...(leftOut.length === 0 ? [] : ['## Left out', leftOut.map((line) => `- ${line}`).join('\n')]),
  ].join('\n\n');
}

/** Writes tables, plots and figures into a folder. */
export async function writeCard(evaluation: Evaluation, folder: string): Promise<void> {
  const of = (part: Part): TaskFigures[] => evaluation.tasks.filter((task) => task.part === part);
  const files: [string, string][] = [
    ['tables.md', `${cardText(evaluation)}\n`],
    ['figures.json', `${JSON.stringify(evaluation, (_, value: unknown) => shortened(value), 1)}\n`],
    ...(['paper', 'memory', 'work'] as const)
      .filter((part) => of(part).length > 0)
      .map((part): [string, string] => [`kept-${part}.svg`, keptPlot(of(part))]),
  ];
  for (const [name, text] of files) {
    await writeFile(join(folder, name), text).catch((error: unknown) => {
      const message = `${join(folder, name)} cannot be written: ${messageOf(error)}.`;
      const remedy = 'Free some space; the same command with --known --write writes it again without running anything.';
      throw new AnchorageError('storageUnavailable', message, remedy, { cause: error });
    });
  }
}

/** The run in one line. */
export function jsonResult(evaluation: Evaluation): object {
  const { variant, scale, isPart, seconds, rows, tasks, regression, accelerations, leftOut } = evaluation;
  const short = (estimate: Estimate | null | undefined): number[] | null =>
    estimate === null || estimate === undefined
      ? null
      : [estimate.value, estimate.low, estimate.high].map((value) => rounded(value, 3));
  const byName: Record<string, object> = {};
  for (const task of tasks) {
    const [metric = ''] = task.metrics;
    const readings: Record<string, object> = {};
    for (const arm of task.arms) {
      const kept = arm.kept === null ? null : rounded(arm.kept, 3);
      const recovery = metric in arm.recovery ? { recovery: short(arm.recovery[metric]) } : {};
      readings[arm.name] = { items: arm.items, kept, score: short(arm.scores[metric]), ...recovery };
    }
    byName[task.name] = { items: task.items, metric, readings };
  }
  return {
    variant,
    scale,
    isPart,
    seconds: Math.round(seconds),
    rows,
    targets: targets(tasks, regression).map((each) => ({
      ...each,
      reached: each.reached === null ? null : rounded(each.reached, 3),
    })),
    controls: controlCounts(comparedWithControls(tasks)),
    tasks: byName,
    regression: regression === null ? null : { average: short(regression.average), sets: regression.sets },
    accelerations,
    leftOut,
  };
}

function targetTable({ tasks, regression }: Evaluation): string {
  const lines = targets(tasks, regression).map(({ name, wanted, reached, isMet }) => [
    name,
    wanted,
    reached === null ? 'not run, or nothing to recover' : reached.toFixed(2),
    isMet === null ? '-' : isMet ? 'yes' : 'no',
  ]);
  return [
    ...markdownTable(['target', 'wanted', 'reached', 'met'], lines),
    '',
    ...controlTables(comparedWithControls(tasks)),
  ].join('\n');
}

function regressionNote(own: readonly TaskFigures[]): string {
  const caveats = own.flatMap(({ title, caveats: all }) =>
    all.map((caveat) => `- ${title.replace(', 0 shots', '')}: ${caveat}`),
  );
  return [
    'No system prompt, prompts of lm-evaluation-harness, our Q4_1 base; published: the same base in full precision.',
    ...caveats,
  ].join('\n');
}

function shortened(value: unknown): unknown {
  return typeof value === 'number' && !Number.isInteger(value) ? rounded(value, 5) : value;
}
