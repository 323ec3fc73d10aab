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
