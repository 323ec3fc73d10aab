import { AnchorageError, messageOf } from '../protocol/errors.ts';

/** A failure to write, with the remedy that fits its cause. */
export function outputError(path: string, error: unknown): AnchorageError {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  const options = { cause: error };
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new AnchorageError(
        'storageUnavailable',
        `${path} cannot be written: the disk is full.`,
        'Free some space, or choose another folder.',
        options,
      );
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new AnchorageError(
        'storageUnavailable',
        `${path} cannot be written: permission denied.`,
        'Choose a folder that you may write to.',
        options,
      );
    default:
      return new AnchorageError(
        'storageUnavailable',
        `${path} cannot be written: ${messageOf(error)}.`,
        'Choose another folder.',
        options,
      );
  }
}
