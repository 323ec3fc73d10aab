import type { Model } from './model.ts';
import type { RequestQueue } from './requestQueue.ts';

/** Milliseconds without a request after which nobody is taken to be about to ask. */
const quietMs = 5000;

/** Runs a model's calibration once the worker has had nothing to do for a while. A request that comes stops it at once. */
export class QuietCalibration {
  readonly #queue: RequestQueue;
  readonly #onChange: (model: Model) => void;
  readonly #quietMs: number;
  #model: Model | null = null;
  #lastRequest = 0;
  #timer: NodeJS.Timeout | undefined;

  /** @param onChange called when the model's `info` has changed. */
  constructor(queue: RequestQueue, onChange: (model: Model) => void, quiet = quietMs) {
    this.#queue = queue;
    this.#onChange = onChange;
    this.#quietMs = quiet;
  }

  /** Takes a model that was loaded, in place of the one before. */
  begin(model: Model): void {
    this.#model = model;
    this.#lastRequest = performance.now();
    this.#schedule(this.#quietMs);
  }

  /** Answers a request, after which the quiet begins anew. */
  async whileAsked<T>(request: () => Promise<T>): Promise<T> {
    try {
      return await request();
    } finally {
      this.#lastRequest = performance.now();
    }
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#model = null;
  }

  #schedule(milliseconds: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      // The queue keeps it, and begins it again after the request that stopped it.
      this.#queue.whenIdle('calibration', (signal) => this.#run(signal), { isBackground: true });
    }, milliseconds);
    this.#timer.unref();
  }

  async #run(signal: AbortSignal): Promise<void> {
    const model = this.#model;
    if (model?.calibration.isDue !== true) return;
    const missing = this.#quietMs - (performance.now() - this.#lastRequest);
    if (missing > 0) {
      this.#schedule(missing);
      return;
    }
    const { executionProviderReason: before } = model.info;
    try {
      await model.calibration.run(signal);
    } finally {
      if (model.info.executionProviderReason !== before) this.#onChange(model);
    }
  }
}
