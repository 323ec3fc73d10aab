import { readFileSync, readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { isMainThread } from 'node:worker_threads';
import type * as Ort from 'onnxruntime-node';
import { AnchorageError, messageOf } from '../protocol/errors.ts';

export type OnnxRuntime = typeof Ort;

/**
 * Loads onnxruntime with its telemetry switched off.
 *
 * The native library reads `ORT_DISABLE_TELEMETRY` from the process environment when it creates its first session. A
 * worker thread only has a copy of that environment, so there the variable must have been set before.
 *
 * @throws AnchorageError `internal` in a thread that cannot switch telemetry off, `unsupported` when no binary fits.
 */
export async function loadOnnxRuntime(): Promise<OnnxRuntime> {
  if (!isMainThread && process.env['ORT_DISABLE_TELEMETRY'] !== '1') {
    throw new AnchorageError(
      'internal',
      'onnxruntime was about to start in a thread with its telemetry on.',
      'Set ORT_DISABLE_TELEMETRY=1 in the main thread before starting the worker thread.',
    );
  }
  process.env['ORT_DISABLE_TELEMETRY'] = '1';
  try {
    return await import('onnxruntime-node');
  } catch (error) {
    throw new AnchorageError(
      'unsupported',
      `onnxruntime cannot be loaded on ${process.platform}/${process.arch}: ${messageOf(error)}`,
      'Use Linux x64/arm64, Windows x64/arm64 or macOS arm64, and reinstall the extension built for it.',
      { cause: error },
    );
  }
}

/** Physical cores that this process may use: hyper-threads share the units that matrix products keep busy. */
export function physicalCores(): number {
  const logical = availableParallelism();
  if (process.platform !== 'linux') return logical;
  try {
    const root = '/sys/devices/system/cpu';
    const cores = new Set<string>();
    for (const entry of readdirSync(root)) {
      if (/^cpu\d+$/.test(entry)) cores.add(readFileSync(`${root}/${entry}/topology/thread_siblings_list`, 'utf8'));
    }
    return cores.size > 0 ? Math.min(cores.size, logical) : logical;
  } catch {
    return logical;
  }
}
