import { comparedWithControls } from './controls.ts';
import type { TaskFigures } from './figures.ts';
import { mean } from './metrics/bootstrap.ts';
import { armOf } from './overview.ts';
import type { Regression } from './regression.ts';

/** A figure that was aimed at. */
export interface Target {
  readonly name: string;
  readonly wanted: string;
  /** Null where what it needs was not run. */
  readonly reached: number | null;
  readonly isMet: boolean | null;
}

/** Recovery that is aimed at, at ratio 8 and 16. */
const recoveries = [
  {
    kind: 'multi-turn questions and explanation',
    tasks: ['turns', 'function', 'explain-function'],
    at: { 8: 0.9, 16: 0.8 },
  },
  { kind: 'language modelling', tasks: ['continue', 'boundary'], at: { 8: 0.8, 16: 0.7 } },
  { kind: 'exact recall', tasks: ['value', 'pairs', 'repeat'], at: { 8: 0.7, 16: 0.5 } },
] as const;

/** Where each target stands, whatever it is. */
export function targets(tasks: readonly TaskFigures[], regression: Regression | null): Target[] {
  const out: Target[] = [];
  for (const { kind, tasks: names, at } of recoveries) {
    for (const [ratio, least] of Object.entries(at)) {
      for (const name of names) {
        const task = tasks.find((each) => each.name === name);
        const arm = armOf(task, { package: 'anchors', mode: 'anchors', ratio: Number(ratio) });
        const reached = arm?.recovery[task?.metrics[0] ?? '']?.value ?? null;
        out.push(
          target(`recovery at ratio ${ratio}, ${kind}: ${name}`, `>= ${least}`, reached, (value) => value >= least),
        );
      }
    }
  }
  out.push(...paperTargets(tasks));
  const compared = comparedWithControls(tasks);
  const share = compared.filter(({ more }) => more.value > 0).length / compared.length;
  out.push(target('controls scored lower than anchors of their ratio', 'all', share, (value) => value === 1));
  const [adapter, base] = ['anchors', 'base'].map((name) => {
    const task = tasks.find((each) => each.name === 'explain-function');
    return armOf(task, { package: name, mode: 'full' })?.scores.chrF?.value;
  });
  const chrF = adapter === undefined || base === undefined ? null : adapter / base;
  out.push(target("chrF of explanations, of the base's own", '>= 1.33', chrF, (value) => value >= 4 / 3));
  const average = regression?.average?.value ?? null;
  out.push(
    target('points between adapter and base, nothing compressed', 'within 1', average, (value) => Math.abs(value) <= 1),
  );
  const published = regression?.averagePublished ?? null;
  const worst = Math.max(...(regression?.sets ?? []).map((set) => Math.abs(set.published?.difference ?? 0)));
  out.push(
    target(
      'points between base and its published scores',
      'each within 1.5',
      published === null ? null : worst,
      (value) => value <= 1.5,
    ),
  );
  return out;
}

function paperTargets(tasks: readonly TaskFigures[]): Target[] {
  const own = tasks.filter(({ part }) => part === 'paper');
  return [8, 16, 1024].map((ratio) => {
    const pairs = own.flatMap((task) => {
      const [reduced, full] = [
        armOf(task, { package: 'anchors', mode: 'anchors', ratio }),
        armOf(task, { package: 'anchors', mode: 'full' }),
      ];
      const metric = task.metrics[0] ?? '';
      const [low, high] = [reduced?.scores[metric]?.value, full?.scores[metric]?.value];
      if (low === undefined || high === undefined || typeof reduced?.contextKept !== 'number') return [];
      return [{ lost: 100 * (high - low), kept: reduced.contextKept }];
    });
    const name = ratio === 1024 ? 'one anchor a demonstration' : `ratio ${ratio}`;
    const kept = pairs.length === 0 ? NaN : mean(pairs.map((pair) => pair.kept));
    return target(
      `points lost on the paper's sets, 5 shots, ${name}${Number.isNaN(kept) ? '' : ` (${(100 * (1 - kept)).toFixed(0)}% less cache)`}`,
      '<= 1.5 at >= 90% less cache',
      pairs.length === 0 ? null : mean(pairs.map(({ lost }) => lost)),
      (value) => value <= 1.5 && kept <= 0.1,
    );
  });
}

function target(name: string, wanted: string, reached: number | null, isMet: (value: number) => boolean): Target {
  const value = reached === null || Number.isNaN(reached) ? null : reached;
  return { name, wanted, reached: value, isMet: value === null ? null : isMet(value) };
}
