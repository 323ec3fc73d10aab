import { assertNever } from '../protocol/errors.ts';
import type { ErrorReason } from '../protocol/errors.ts';

/** What the process ends with; told by `--help`. */
export const exitCodes = { ok: 0, failed: 1, badInput: 2, noModel: 3, workerFailed: 4, cancelled: 130 } as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

export const exitCodeHelp = `
Exit codes:
  0    done
  1    something failed; in a batch, at least one row has an error
  2    bad input: an argument, a file or its text
  3    the model package is missing or damaged
  4    the worker process died
  130  stopped with Ctrl-C`;

export function exitCodeOf(reason: ErrorReason): ExitCode {
  switch (reason) {
    case 'invalidInput':
    case 'contextTooLong':
    case 'fileUnreadable':
    case 'fileInvalid':
      return exitCodes.badInput;
    case 'modelMissing':
    case 'fileAltered':
    case 'versionMismatch':
    case 'unsupported':
      return exitCodes.noModel;
    case 'workerDied':
    case 'workerGaveUp':
      return exitCodes.workerFailed;
    case 'cancelled':
      return exitCodes.cancelled;
    case 'storageUnavailable':
    case 'outOfMemory':
    case 'deviceFailed':
    case 'internal':
      return exitCodes.failed;
    default:
      return assertNever(reason);
  }
}
