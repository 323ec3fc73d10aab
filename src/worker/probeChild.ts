import { execFile } from 'node:child_process';
import { AnchorageError } from '../protocol/errors.ts';
import { probeReportSchema, type ProbedModel } from './probeReport.ts';
import type { ExecutionProvider } from '../protocol/executionProvider.ts';
import { modelTolerance, probeTolerance, type ProviderOutcome } from './providerOutcome.ts';

export interface ProbeOptions {
  /** The worker's script, which runs a probe when it is told to. */
  readonly workerPath: string;
  /** Stops the probe, whose process is then killed. */
  readonly signal: AbortSignal;
  /** A package whose graph for devices is tried too. */
  readonly model?: ProbedModel | undefined;
  /** Milliseconds after which the process is killed. */
  readonly timeout?: number;
}

/**
 * The probe's own graph took 22 s on a software device that compiled its shaders for the first time on two busy cores, and
 * a model has more; nobody waits for it.
 */
const patience = 120_000;

/** Drivers print what they like. */
const mostOutput = 16 * 2 ** 20;

/**
 * Tries an execution provider in a process of its own: a faulty driver may hang it, end it, or compute wrongly.
 *
 * @throws AnchorageError `cancelled` when the signal stopped it.
 */
export function probeInChild(
  executionProvider: ExecutionProvider,
  { workerPath, signal, model, timeout = patience }: ProbeOptions,
): Promise<ProviderOutcome> {
  const arguments_ = [workerPath, '--probe', executionProvider];
  if (model !== undefined) arguments_.push(JSON.stringify(model));
  const late = AbortSignal.timeout(timeout);
  return new Promise((resolve, reject) => {
    const stopped = AbortSignal.any([signal, late]);
    const options = { signal: stopped, killSignal: 'SIGKILL', windowsHide: true, maxBuffer: mostOutput } as const;
    // An aborted one is called back at once: a process that its driver holds in the kernel does not even die of SIGKILL.
    const child = execFile(process.execPath, arguments_, options, (_, stdout) => {
      if (signal.aborted) {
        reject(new AnchorageError('cancelled', 'Stopped.'));
        return;
      }
      const report = probeReportSchema.safeParse(lastJson(stdout));
      if (report.success) resolve(outcomeOf(report.data));
      else if (late.aborted) resolve({ kind: 'hung', seconds: timeout / 1000 });
      else resolve({ kind: 'crashed', how: describeEnd(child.exitCode, child.signalCode) });
    });
    child.stdin?.end();
  });
}

function outcomeOf(report: ReturnType<typeof probeReportSchema.parse>): ProviderOutcome {
  if (report.ran) {
    const { difference, modelDifference = 0, timeShare } = report;
    if (difference === null || difference > probeTolerance)
      return { kind: 'wrong', difference, allowed: probeTolerance };
    if (modelDifference === null || modelDifference > modelTolerance)
      return { kind: 'wrong', difference: modelDifference, allowed: modelTolerance };
    const works = { kind: 'works', difference: Math.max(difference, modelDifference) } as const;
    return timeShare === undefined ? works : { ...works, timeShare };
  }
  const problem = shortened(report.problem);
  return { kind: isMissing(report.problem) ? 'noDevice' : 'failed', problem };
}

/** What runtimes and drivers say where there is no device, or no driver for it. */
function isMissing(problem: string): boolean {
  return /\b(adapters?|shared (library|object)|load library|no .*device|device count|driver version)\b/i.test(problem);
}

/** The part of onnxruntime's message behind its source location. */
function shortened(problem: string): string {
  const first = problem.trim().split('\n')[0] ?? '';
  return first
    .replace(/^.* was false\. /, '')
    .replace(/^(OrtSessionOptions\w+|\S+\.cc:\d+ .*?): /, '')
    .replace(/\.$/, '')
    .slice(0, 160);
}

function describeEnd(code: number | null, signal: NodeJS.Signals | null): string {
  if (signal !== null) return `by ${signal}`;
  // Windows gives the reason of a crash as a code such as 0xC0000005.
  return code !== null && code > 0xffff
    ? `with exit code 0x${code.toString(16).toUpperCase()}`
    : `with exit code ${code}`;
}

function lastJson(stdout: string): unknown {
  try {
    return JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '');
  } catch {
    return undefined;
  }
}
