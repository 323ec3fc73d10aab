import { constants, setPriority } from 'node:os';

/** `busy`: somebody waits for the result; `idle`: nobody does. */
export type Way = 'busy' | 'idle';

/** Of 5, a worker beside a build that takes every core still gets a quarter of them (Linux); of 10, a tenth. */
const nice = 5;

const priorities: Readonly<Record<Way, number>> = {
  busy: process.platform === 'win32' ? constants.priority.PRIORITY_BELOW_NORMAL : nice,
  idle: constants.priority.PRIORITY_LOW,
};

/**
 * Lowers this process's scheduling priority (a nice value of 5 or 19; on Windows the class below normal, or idle), so
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
