import type { Task } from '../task.ts';
import { paperTasks, regressionTasks } from './paper.ts';
import { babiTask, boundaryTask, heldoutRowTasks } from './reading.ts';
import { needleTask, pairsTask, turnsTask } from './recall.ts';
import { workTasks } from './work.ts';

/** Every task, those first that tell most in a run that is cut off. */
export function allTasks(given: { readonly AC: boolean; readonly EP: boolean }): readonly Task[] {
  return [
    ...heldoutRowTasks(),
    turnsTask,
    pairsTask,
    babiTask,
    boundaryTask,
    ...workTasks,
    ...regressionTasks(),
    ...paperTasks(given),
    needleTask,
  ];
}
