import { anchored, bounds, controls, type Arm } from '../arms.ts';
import type { Scale } from '../task.ts';

/** Ratios of the curves of kept cache against score. */
const curve = [4, 8, 16, 32];

/** What the tasks about memory are read as. */
export function memoryArms(scale: Scale): Arm[] {
  if (scale === 'quick') return [...bounds('anchors'), ...anchored([8]), ...bounds('base'), ...controls([8])];
  return [...bounds('anchors'), ...anchored(curve), ...bounds('base'), ...controls([4, 8, 16])];
}
