import type { Arm } from './arms.ts';
import type { Item } from './item.ts';
import { differenceEstimate, mean, meanEstimate, type Estimate } from './metrics/bootstrap.ts';
import { recovery } from './metrics/recovery.ts';
import type { ArmRun, Measured } from './runTask.ts';
import type { Part } from './task.ts';

/** What a task's readings come to. */
export interface TaskFigures {
  readonly name: string;
  readonly title: string;
  readonly part: Part;
  readonly metrics: readonly string[];
  readonly items: number;
  readonly caveats: readonly string[];
  readonly arms: readonly ArmFigures[];
}

export interface ArmFigures {
  readonly name: string;
  readonly package: string;
  readonly mode: string;
  readonly ratio: number | null;
  readonly isControl: boolean;
  readonly items: number;
  /** Rows of keys and values held when the answer begins, of those that reading everything holds. */
  readonly kept: number | null;
  /** The same of the context's own rows: less those that are held without it. */
  readonly contextKept: number | null;
  readonly scores: Readonly<Record<string, Estimate | null>>;
  readonly recovery: Readonly<Record<string, Estimate | null>>;
  /** Of a control: how much more anchors of the same ratio score on the same items. */
  readonly anchorsMore: Readonly<Record<string, Estimate | null>>;
  /** Means by the items' groups. */
  readonly groups: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly errors: readonly string[];
}

/** @param all readings of the same items; those of which nothing is known are left out. */
export function armFigures(all: readonly ArmRun[], items: readonly Item[], metrics: readonly string[]): ArmFigures[] {
  const runs = all.filter(({ measured, errors }) => errors.length > 0 || measured.some((one) => one !== null));
  const find = (package_: string, mode: string, ratio?: number): ArmRun | undefined =>
    runs.find(({ arm }) => arm.package === package_ && arm.reading.mode === mode && ratioOf(arm) === (ratio ?? null));
  return runs.map((run): ArmFigures => {
    const { arm, measured } = run;
    const ratio = ratioOf(arm);
    const [full, none] = [find(arm.package, 'full'), find(arm.package, 'none')];
    const anchors = arm.isControl && ratio !== null ? find('anchors', 'anchors', ratio) : undefined;
    const isBound = arm.reading.mode === 'full' || arm.reading.mode === 'none';
    const each = <T>(of: (metric: string) => T): Record<string, T> =>
      Object.fromEntries(metrics.map((metric) => [metric, of(metric)]));
    return {
      name: arm.name,
      package: arm.package,
      mode: arm.reading.mode ?? 'anchors',
      ratio,
      isControl: arm.isControl,
      items: measured.filter((one) => one !== null).length,
      ...keptShares(run, full, none),
      scores: each((metric) => meanEstimate(together([run], metric)[0] ?? [])),
      recovery: isBound
        ? {}
        : each((metric) => {
            const [reduced, whole, nothing] = together([run, full, none], metric);
            if (reduced === undefined || whole === undefined || nothing === undefined || reduced.length === 0)
              return null;
            return recovery({ reduced, full: whole, none: nothing });
          }),
      anchorsMore:
        anchors === undefined
          ? {}
          : each((metric) => {
              const [ours = [], theirs = []] = together([anchors, run], metric);
              return ours.length === 0 ? null : differenceEstimate(ours, theirs);
            }),
      groups: groupMeans(measured, items, metrics),
      errors: run.errors,
    };
  });
}

/** The scores of the items that all of these readings have; nothing where one of the readings is missing. */
export function together(runs: readonly (ArmRun | undefined)[], metric: string): number[][] {
  const out: number[][] = runs.map(() => []);
  const count = runs[0]?.measured.length ?? 0;
  for (let i = 0; i < count; i++) {
    const values = runs.map((run) => run?.measured[i]?.scores[metric]);
    const found = values.filter((value) => value !== undefined);
    if (found.length < runs.length) continue;
    for (const [j, value] of found.entries()) out[j]?.push(value);
  }
  return out;
}

function keptShares(
  run: ArmRun,
  full: ArmRun | undefined,
  none: ArmRun | undefined,
): Pick<ArmFigures, 'kept' | 'contextKept'> {
  const rows: { own: number; whole: number; nothing: number }[] = [];
  for (const [i, measured] of run.measured.entries()) {
    const [whole, nothing] = [full?.measured[i], none?.measured[i]];
    if (measured === null || !whole || !nothing) continue;
    rows.push({ own: measured.kvRows, whole: whole.kvRows, nothing: nothing.kvRows });
  }
  if (rows.length === 0) return { kept: null, contextKept: null };
  const [own, whole, nothing] = [
    mean(rows.map((row) => row.own)),
    mean(rows.map((row) => row.whole)),
    mean(rows.map((row) => row.nothing)),
  ];
  return { kept: own / whole, contextKept: whole > nothing ? (own - nothing) / (whole - nothing) : null };
}

function groupMeans(
  measured: readonly (Measured | null)[],
  items: readonly Item[],
  metrics: readonly string[],
): Record<string, Record<string, number>> {
  const names = [...new Set(items.flatMap(({ group }) => (group === undefined ? [] : [group])))];
  const groups: Record<string, Record<string, number>> = {};
  for (const name of names) {
    const own = measured.filter((one, i): one is Measured => one !== null && items[i]?.group === name);
    if (own.length === 0) continue;
    const means: Record<string, number> = { items: own.length };
    for (const metric of metrics) means[metric] = mean(own.map(({ scores }) => scores[metric] ?? NaN));
    groups[name] = means;
  }
  return groups;
}

function ratioOf({ reading }: Arm): number | null {
  return reading.ratio ?? null;
}
