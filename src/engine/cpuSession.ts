import type { InferenceSession } from 'onnxruntime-node';

/** How a session on the CPU is opened. */
export function cpuSessionOptions(threads: number): InferenceSession.SessionOptions {
  return {
    executionProviders: ['cpu'],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    // Every run has another shape, so a pattern or an arena would only hold memory; and Electron's allocator aborts
    // the process on the large blocks that an arena asks for.
    enableMemPattern: false,
    enableCpuMemArena: process.versions['electron'] === undefined,
    logSeverityLevel: 3,
    // A decode step is some hundred products of 20-100 us, and to wake a thread takes as long. So threads spin for a
    // moment between them, which takes no more CPU time than to sleep, and stop when the run ends. Without a limit they
    // would halve the speed of a machine that is busy with anything else.
    extra: {
      session: { force_spinning_stop: '1', intra_op: { allow_spinning: '1', spin_duration_us: '20' } },
    },
  };
}
