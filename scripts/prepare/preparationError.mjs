/**
 * Why a preparation step could not be done.
 *
 * @typedef {'noNetwork' | 'noDiskSpace' | 'missingTool' | 'checksum' | 'badConfiguration' | 'failed'} PreparationReason
 */

/** An error whose message names the step's trouble and its remedy, fit to be printed without a stack. */
export class PreparationError extends Error {
  /**
   * @param {PreparationReason} reason
   * @param {string} message
   */
  constructor(reason, message) {
    super(message);
    this.name = 'PreparationError';
    this.reason = reason;
  }
}

/**
 * What can be told of an error without a stack: one of ours, or a folder that may not be written.
 *
 * @param {unknown} error
 * @returns {PreparationError | undefined} undefined: a fault of the program
 */
export function preparationErrorOf(error) {
  if (error instanceof PreparationError) return error;
  if (!(error instanceof Error && 'code' in error && 'path' in error)) return undefined;
  const { code, path } = error;
  if (code !== 'EACCES' && code !== 'EPERM' && code !== 'EROFS') return undefined;
  const cause = code === 'EROFS' ? 'its disk is read-only' : 'this user may not';
  return new PreparationError(
    'badConfiguration',
    `${String(path)} can't be written: ${cause}. Everything is kept in the clone's own folder, so clone the repository to a place that you may write to, or give yourself this one (chown).`,
  );
}

/**
 * Ends a program of ours that failed: says what can be told, and leaves a fault of the program to Node.
 *
 * @param {unknown} error
 */
export function endWithError(error) {
  const told = preparationErrorOf(error);
  if (told === undefined) throw error;
  process.stderr.write(`\n${told.message}\n`);
  process.exitCode = 1;
}
