import { AnchorageError } from '../../../src/protocol/errors.ts';
import type { EvaluateOptions } from './evaluateOptions.ts';
import type { EvaluationData } from './evaluationData.ts';
import { parts, type Task } from './task.ts';
import { allTasks } from './tasks/allTasks.ts';

/**
 * The tasks that are asked for, and why others are left out: files that the committed sample does not have.
 *
 * @throws AnchorageError `invalidInput` naming an unknown task, `fileUnreadable` where a data folder lacks a file.
 */
export function chooseTasks(
  { tasks: names, AC, EP }: Pick<EvaluateOptions, 'tasks' | 'AC' | 'EP'>,
  data: EvaluationData,
  isSample: boolean,
): { tasks: readonly Task[]; leftOut: readonly string[] } {
  const all = allTasks({ AC: AC !== null, EP: EP !== null });
  const wanted = names === null ? all : all.filter(({ name, part }) => names.includes(name) || names.includes(part));
  for (const name of names ?? []) {
    if (!all.some((task) => task.name === name || task.part === name)) {
      const remedy = `Tasks: ${all.map((task) => task.name).join(', ')}. Parts: ${parts.join(', ')}.`;
      throw new AnchorageError('invalidInput', `There is no task "${name}".`, remedy);
    }
  }
  const missing = (task: Task): readonly string[] => task.files.filter((file) => !data.has(file));
  const lacking = wanted.filter((task) => missing(task).length > 0);
  const [first] = lacking;
  if (first !== undefined && !isSample) {
    throw new AnchorageError(
      'fileUnreadable',
      `${data.folder} lacks ${missing(first).join(', ')} (.jsonl.xz or .jsonl), which ${first.name} needs.`,
      'Fetch the data package again, or choose other tasks with --tasks.',
    );
  }
  const tasks = wanted.filter((task) => !lacking.includes(task));
  if (tasks.length === 0) {
    throw new AnchorageError(
      'fileUnreadable',
      'The committed sample has none of these tasks.',
      'Name a data folder with --data.',
    );
  }
  return {
    tasks,
    leftOut: lacking.map((task) => `${task.name}: its data may not be passed on here (${missing(task).join(', ')})`),
  };
}
