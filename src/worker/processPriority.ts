import { constants, setPriority } from 'node:os';

/** `busy`: somebody waits for the result; `idle`: nobody does. */
export type Way = 'busy' | 'idle';

const priorities: Readonly<Record<Way, number>> = {
  busy: constants.priority.PRIORITY_BELOW_NORMAL,
  idle: constants.priority.PRIORITY_LOW,
};

/**
 * Lowers this process's scheduling priority (a nice value of 10 or 19; on Windows the class below normal, or idle), so
 * that the editor and what the user runs beside it come first: onnxruntime fixes the number of its threads when a session
 * is made, so that one cannot be taken away while the editor is busy. Must come before onnxruntime makes threads, since
 * on Linux a priority is a thread's own and is handed down to those that it makes. Where the system refuses, nothing changes.
 */
export function giveWay(way: Way): void {
  try {
    setPriority(priorities[way]);
  } catch {
    // A system that does not let a process lower its own priority shares its time fairly, as before.
  }
}
