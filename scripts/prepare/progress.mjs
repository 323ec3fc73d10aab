/** A step that ends within this time says nothing. */
const quietMs = 1_000;
/** Between two lines about one step where lines can't be rewritten (a log file, CI). */
const logEveryMs = 10_000;
/** Between two rewritings of the line on a terminal. */
const redrawEveryMs = 250;

/**
 * How far a step is; every part is optional.
 *
 * @typedef {{ readonly note?: string, readonly bytes?: number, readonly totalBytes?: number }} Advance
 */

/**
 * One step's line of progress.
 *
 * @typedef {{ advance(advance: Advance): void, end(outcome: 'done' | 'failed'): void }} StepProgress
 */

/**
 * Begins telling how a step goes: elapsed time always, bytes where the step knows them.
 *
 * @param {string} title what is being done, as one short phrase
 * @param {{ stream?: { write(text: string): unknown, isTTY?: boolean, columns?: number }, now?: () => number }} [options]
 * @returns {StepProgress}
 */
export function beginProgress(title, { stream = process.stderr, now = Date.now } = {}) {
  const started = now();
  const rewrites = stream.isTTY === true;
  /** @type {Advance} */
  let latest = {};
  let shown = false;

  const show = () => {
    shown = true;
    const line = `${title}: ${describe(latest, now() - started)}`;
    // A line that wraps could not be written over.
    stream.write(rewrites ? `\r${line.slice(0, (stream.columns || 80) - 1)}\u001b[K` : `${line}\n`);
  };
  let repeating = setTimeout(() => {
    show();
    repeating = setInterval(show, rewrites ? redrawEveryMs : logEveryMs);
    repeating.unref();
  }, quietMs);
  repeating.unref();

  return {
    advance(advance) {
      latest = { ...latest, ...advance };
    },
    end(outcome) {
      clearTimeout(repeating);
      if (!shown && outcome === 'done' && now() - started < quietMs) return;
      stream.write(
        `${rewrites ? '\r' : ''}${title}: ${outcome} after ${seconds(now() - started)}${rewrites ? '\u001b[K' : ''}\n`,
      );
    },
  };
}

/**
 * @param {Advance} advance
 * @param {number} elapsedMs
 */
function describe({ note, bytes, totalBytes }, elapsedMs) {
  const parts = [seconds(elapsedMs)];
  if (bytes !== undefined)
    parts.push(totalBytes === undefined ? megabytes(bytes) : `${megabytes(bytes)} of ${megabytes(totalBytes)}`);
  if (note) parts.push(note.trim());
  return parts.join(', ');
}

/**
 * @param {number} bytes
 * @returns {string} e.g. "93.8 MB"
 */
export function megabytes(bytes) {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

/**
 * @param {number} milliseconds
 * @returns {string} e.g. "12 s", "0.4 s"
 */
export function seconds(milliseconds) {
  return `${(milliseconds / 1000).toFixed(milliseconds < 10_000 ? 1 : 0)} s`;
}
