import type { InferenceSession } from 'onnxruntime-node';
import { AnchorageError, messageOf } from '../protocol/errors.ts';
import type { OnnxRuntime } from './onnxRuntime.ts';

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

/**
 * Opens a package's graph on the CPU; `check` throws where it is not one of ours.
 *
 * @throws AnchorageError `fileInvalid` when it cannot be loaded, and what `check` throws.
 */
export async function openCpuSession(
  ort: OnnxRuntime,
  path: string,
  threads: number,
  check: (session: InferenceSession) => void,
): Promise<InferenceSession> {
  let session: InferenceSession;
  try {
    session = await ort.InferenceSession.create(path, cpuSessionOptions(threads));
  } catch (error) {
    throw new AnchorageError(
      'fileInvalid',
      `${path} cannot be loaded: ${messageOf(error)}`,
      'Build or download the package again.',
      { cause: error },
    );
  }
  try {
    check(session);
  } catch (error) {
    await session.release();
    throw error;
  }
  return session;
}

/**
 * Runs a graph; `what` names it where it fails.
 *
 * @throws AnchorageError `outOfMemory`, or `internal` for any other failure.
 */
export async function runCpuSession(
  session: InferenceSession,
  feeds: InferenceSession.FeedsType,
  what: string,
): Promise<InferenceSession.ReturnType> {
  try {
    return await session.run(feeds);
  } catch (error) {
    const text = messageOf(error);
    const isMemory = /alloc|memory/i.test(text);
    throw new AnchorageError(
      isMemory ? 'outOfMemory' : 'internal',
      `${what} failed: ${text}`,
      isMemory ? 'Close other programs or choose a smaller model.' : 'Run Diagnose and report what it says.',
      { cause: error },
    );
  }
}

/** An output of single precision. */
export function floats(results: InferenceSession.OnnxValueMapType, name: string): Float32Array {
  const value = results[name];
  if (value !== undefined && 'data' in value && value.data instanceof Float32Array) return value.data;
  throw new AnchorageError('internal', `The graph gave no float output ${name}.`);
}
