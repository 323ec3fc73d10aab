import { AnchorageError } from '../protocol/errors.ts';

/** Work for the time when nobody waits. It must leave things sound when its signal stops it, and is then run again. */
export type IdleJob = (signal: AbortSignal) => Promise<void>;

interface Waiting {
  readonly job: IdleJob;
  readonly isBackground: boolean;
}

interface RunningIdle {
  readonly abort: AbortController;
  readonly ended: Promise<void>;
}

export interface RequestQueueOptions {
  /** Most idle jobs that are kept, beside those in the background; the oldest are dropped. */
  readonly idleLimit: number;
  readonly onIdleError: (error: unknown) => void;
}

/**
 * One engine, one request at a time, in the order they came. Idle jobs run when no request waits, the newest first; a
 * request that arrives stops the one that runs, which then goes on after the request.
 */
export class RequestQueue {
  readonly #onIdleError: (error: unknown) => void;
  readonly #idleLimit: number;
  /** By their key, the oldest first. */
  readonly #idleJobs = new Map<string, Waiting>();
  #tail: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  #idle: RunningIdle | null = null;
  #isClosed = false;

  constructor({ idleLimit, onIdleError }: RequestQueueOptions) {
    this.#idleLimit = idleLimit;
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
      const onAbort = (): void => {
        if (!hasBegun) reject(cancelled());
      };
      signal.addEventListener('abort', onAbort, { once: true });
      // A signal made with AbortSignal.any lives as long as it has a listener, and all that the listener holds with it.
      void turn.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
    });
  }

  /**
   * @param key of what the job is for: it takes the place of one that waits with the same key.
   * @param isBackground it runs when there is no other job.
   */
  whenIdle(key: string, job: IdleJob, { isBackground = false } = {}): void {
    if (this.#isClosed) return;
    this.#idleJobs.delete(key);
    this.#idleJobs.set(key, { job, isBackground });
    const others = [...this.#idleJobs].filter(([, waiting]) => !waiting.isBackground);
    const [oldest] = others;
    if (others.length > this.#idleLimit && oldest !== undefined) this.#idleJobs.delete(oldest[0]);
    this.#startIdle();
  }

  /** Stops idle work for good, and waits for what runs. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#idleJobs.clear();
    this.#idle?.abort.abort();
    await this.#tail;
    await this.#idle?.ended;
  }

  #startIdle(): void {
    const jobs = [...this.#idleJobs];
    const newest = jobs.findLast(([, { isBackground }]) => !isBackground) ?? jobs.at(-1);
    if (newest === undefined || this.#idle !== null || this.#waiting > 0) return;
    const abort = new AbortController();
    this.#idle = { abort, ended: this.#runIdle(newest[0], newest[1].job, abort.signal) };
  }

  async #runIdle(key: string, job: IdleJob, signal: AbortSignal): Promise<void> {
    // A turn of the event loop first, so that a request already on its way is seen before work starts for it to stop.
    await new Promise((resolve) => setImmediate(resolve));
    try {
      if (!signal.aborted) await job(signal);
    } catch (error) {
      if (!signal.aborted) this.#onIdleError(error);
    }
    if (!signal.aborted && this.#idleJobs.get(key)?.job === job) this.#idleJobs.delete(key);
    this.#idle = null;
    this.#startIdle();
  }
}

function cancelled(): AnchorageError {
  return new AnchorageError('cancelled', 'The request was cancelled.');
}
