import { AnchorageError } from '../protocol/errors.ts';

/** Work for the time when nobody waits. It must leave things sound when its signal stops it, and is then run again. */
export type IdleJob = (signal: AbortSignal) => Promise<void>;

interface RunningIdle {
  readonly abort: AbortController;
  readonly ended: Promise<void>;
}

/**
 * One engine, one request at a time, in the order they came. Idle jobs run when no request waits; a request that
 * arrives stops the one that runs, which then goes on after the request.
 */
export class RequestQueue {
  readonly #onIdleError: (error: unknown) => void;
  readonly #idleJobs: IdleJob[] = [];
  #tail: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  #idle: RunningIdle | null = null;

  constructor(onIdleError: (error: unknown) => void) {
    this.#onIdleError = onIdleError;
  }

  /** @throws AnchorageError `cancelled` when `signal` was aborted before the job's turn came. */
  run<T>(signal: AbortSignal, job: () => Promise<T>): Promise<T> {
    let hasBegun = false;
    this.#waiting++;
    this.#idle?.abort.abort();
    const turn = this.#tail.then(async () => {
      await this.#idle?.ended;
      if (signal.aborted) throw cancelled();
      hasBegun = true;
      return job();
    });
    this.#tail = turn
      .catch(() => {})
      .then(() => {
        this.#waiting--;
        this.#startIdle();
      });
    return new Promise((resolve, reject) => {
      signal.addEventListener('abort', () => hasBegun || reject(cancelled()), { once: true });
      turn.then(resolve, reject);
    });
  }

  whenIdle(job: IdleJob): void {
    this.#idleJobs.push(job);
    this.#startIdle();
  }

  /** Stops idle work for good, and waits for what runs. */
  async close(): Promise<void> {
    this.#idleJobs.length = 0;
    this.#idle?.abort.abort();
    await this.#tail;
    await this.#idle?.ended;
  }

  #startIdle(): void {
    const job = this.#idleJobs[0];
    if (job === undefined || this.#idle !== null || this.#waiting > 0) return;
    const abort = new AbortController();
    this.#idle = { abort, ended: this.#runIdle(job, abort.signal) };
  }

  async #runIdle(job: IdleJob, signal: AbortSignal): Promise<void> {
    // A turn of the event loop first, so that a request already on its way is seen before work starts for it to stop.
    await new Promise((resolve) => setImmediate(resolve));
    try {
      if (!signal.aborted) await job(signal);
    } catch (error) {
      if (!signal.aborted) this.#onIdleError(error);
    }
    if (!signal.aborted) this.#idleJobs.shift();
    this.#idle = null;
    this.#startIdle();
  }
}

function cancelled(): AnchorageError {
  return new AnchorageError('cancelled', 'The request was cancelled.');
}
