/** Why something failed, in words that a user interface can map to a remedy. The wire form of every error between processes. */
export const errorReasons = [
  'cancelled',
  'invalidInput',
  'fileUnreadable',
  'fileInvalid',
  'fileAltered',
  'unsupported',
  'versionMismatch',
  'modelMissing',
  'contextTooLong',
  'storageUnavailable',
  'workerDied',
  'workerGaveUp',
  'outOfMemory',
  'deviceFailed',
  'internal',
] as const;

export type ErrorReason = (typeof errorReasons)[number];

/**
 * An error that names the thing that failed and the remedy.
 *
 * `message` is a whole sentence for the user; `remedy` says what to do about it.
 */
export class AnchorageError extends Error {
  readonly reason: ErrorReason;
  readonly remedy: string;

  constructor(reason: ErrorReason, message: string, remedy = '', options?: ErrorOptions) {
    super(message, options);
    this.name = 'AnchorageError';
    this.reason = reason;
    this.remedy = remedy;
  }

  static is(error: unknown, reason?: ErrorReason): error is AnchorageError {
    return error instanceof AnchorageError && (reason === undefined || error.reason === reason);
  }
}

/** The text of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Exhaustiveness check of a discriminated union: unreachable when every case is handled. */
export function assertNever(value: never): never {
  throw new AnchorageError('internal', `Unexpected value ${JSON.stringify(value)}`);
}
