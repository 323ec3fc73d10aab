/**
 * What the compressed memory is worth: the shipped package (int8, or `--variant`) through the command line's `batch`, with
 * a cache that is really reduced, on the paper's sets of questions, memory tasks, work on code, and against the base.
 *
 * For every task: cache kept, and the score by anchors, by all of the context, by none of it, and by controls that keep as
 * much; recovery = (anchors - none) / (full - none), with 95% bootstrap intervals over items. Rows are kept in
 * .cache/evaluate by their hash and the package's, of which the scorer counts for rows by anchors alone, so that a run
 * that was cut off goes on. Tables go to stderr, one line of JSON to stdout. Needs the built-in package, and for all
 * tasks the data package (`--data`).
 */
import { join } from 'node:path';
import { AnchorageError, messageOf } from '../../../src/protocol/errors.ts';
import { Decoder } from '../../../src/engine/decoder.ts';
import { loadPackage, type ModelPackage } from '../../../src/engine/modelPackage.ts';
import { readOptions } from '../../../scripts/options.ts';
import { builtInAdapter, printResult, progress, repository } from '../report.ts';
import { measureAcceleration, type Acceleration } from './acceleration.ts';
import { basePackage } from './basePackage.ts';
import { EvaluationData } from './evaluationData.ts';
import { evaluateUsage } from './evaluateOptions.ts';
import { armFigures, type TaskFigures } from './figures.ts';
import { regressionOf } from './regression.ts';
import { cardText, jsonResult, writeCard, type Evaluation } from './results.ts';
import { RowRunner } from './rowRunner.ts';
import { runArm, type ArmRun } from './runTask.ts';
import { chooseTasks } from './chooseTasks.ts';
import type { ItemSource, Scale, Task } from './task.ts';

const options = readOptions(evaluateUsage);
const scale: Scale = options.quick ? 'quick' : 'whole';
const sample = join(builtInAdapter, 'evaluation', 'quick');
const cacheFolder = join(repository, '.cache', 'evaluate');
/** Questions that are timed for the paper's T. */
const timedItems = { quick: 1, whole: 8 } as const;

interface Done {
  readonly task: Task;
  readonly figures: TaskFigures;
  readonly runs: readonly ArmRun[];
  readonly isPart: boolean;
}

try {
  printResult(await evaluate());
} catch (error) {
  progress(messageOf(error));
  if (AnchorageError.is(error)) progress(error.remedy);
  process.exitCode = 1;
}

async function evaluate(): Promise<object> {
  const begin = performance.now();
  const { tasks, leftOut, data } = dataAndTasks();
  const folders = {
    anchors: options.package,
    base: await basePackage(progress),
    ...(options.AC === null ? {} : { AC: options.AC }),
    ...(options.EP === null ? {} : { EP: options.EP }),
  };
  const pkg = await loadPackage(options.package);
  const { variant, known: onlyKnown } = options;
  const runner = new RowRunner(folders, { variant, cacheFolder, onlyKnown });
  // Cut off by a signal, it would leave its processes to finish their rows.
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    process.once(signal, () => void runner.end().finally(() => process.exit(code)));
  }
  const done: Done[] = [];
  const accelerations: Record<string, Acceleration> = {};
  try {
    for (const task of tasks) {
      done.push(await runTask(task, runner, { data, limit: limitOf(task), scale, tokenizer: pkg.tokenizer }));
      progress(
        `${Math.round((performance.now() - begin) / 1000)} s: ${runner.counts.computed} rows run, ${runner.counts.known} known`,
      );
    }
  } finally {
    await runner.end();
  }
  const paper = done.filter(({ task, figures }) => task.part === 'paper' && figures.arms.length > 0);
  if (paper.length > 0) {
    const asked = paper.map(({ task }) => task);
    await timeAll(pkg, asked, data, accelerations);
  }
  const evaluation: Evaluation = {
    variant,
    scale,
    isPart: done.some((each) => each.isPart),
    seconds: (performance.now() - begin) / 1000,
    rows: runner.counts,
    tasks: done.map(({ figures }) => figures).filter(({ arms }) => arms.length > 0),
    regression: regressionOf(done.filter(({ task }) => task.part === 'regression')),
    accelerations,
    leftOut,
  };
  progress(cardText(evaluation));
  if (options.write) await writeCard(evaluation, join(builtInAdapter, 'evaluation'));
  return jsonResult(evaluation);
}

function dataAndTasks(): { data: EvaluationData; tasks: readonly Task[]; leftOut: readonly string[] } {
  if (options.write && options.quick) {
    throw new AnchorageError('invalidInput', 'A quick run has too few items for the model card.', 'Leave out --quick.');
  }
  const given = options.data ?? (options.quick ? null : (process.env.ANCHORAGE_DATA ?? null));
  if (given === null && !options.quick) {
    const remedy = 'Name it with --data or ANCHORAGE_DATA, or run with --quick, which takes the committed sample.';
    throw new AnchorageError('fileUnreadable', 'The whole evaluation needs the folder of the data package.', remedy);
  }
  const data = new EvaluationData(given ?? sample);
  return { data, ...chooseTasks(options, data, given === null) };
}

function limitOf(task: Task): number {
  const { items } = task.limits[scale];
  return options.limit ?? items;
}

async function runTask(task: Task, runner: RowRunner, source: ItemSource): Promise<Done> {
  const items = await task.items(source);
  if (items.length === 0)
    throw new AnchorageError('fileInvalid', `${task.name}: there are no items.`, 'Fetch the data again.');
  const runs: ArmRun[] = [];
  for (const arm of task.arms(scale)) {
    const label = `${task.name}, ${arm.name}`;
    let rows = 0;
    const onDone = (): void => {
      rows++;
      if (rows % 50 === 0) progress(`${label}: ${rows} rows`);
    };
    const limit = Math.min(task.limits[scale].controls, source.limit);
    runs.push(await runArm(runner, arm, items, { limit, tokenizer: source.tokenizer, onDone }));
    if (rows > 0) progress(`${label}: done`);
  }
  const { name, title, part, metrics, caveats } = task;
  const arms = armFigures(runs, items, metrics);
  const run = Math.max(0, ...arms.map((arm) => arm.items));
  const isPart = options.limit !== null || run < items.length;
  return { task, runs, isPart, figures: { name, title, part, metrics, items: run, caveats, arms } };
}

async function timeAll(
  pkg: ModelPackage,
  paper: readonly Task[],
  data: EvaluationData,
  into: Record<string, Acceleration>,
): Promise<void> {
  const decoder = await Decoder.create(pkg, { variant: options.variant, threads: 0 });
  try {
    for (const task of paper) {
      const source = { data, limit: timedItems[scale], scale, tokenizer: pkg.tokenizer };
      into[task.name] = await measureAcceleration(decoder, task.arms(scale), await task.items(source));
      progress(`${task.name}: timed`);
    }
  } finally {
    await decoder.dispose();
  }
}
