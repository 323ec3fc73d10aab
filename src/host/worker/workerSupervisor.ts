import type { z } from 'zod';
import { AnchorageError, messageOf } from '../../protocol/errors.ts';
import { loadModelRequest } from '../../protocol/worker.ts';
import type { ModelInfo } from '../../protocol/worker.ts';
import type { WorkerClient, WorkerClientOptions } from '../../worker/client/workerClient.ts';
import { CrashBreaker } from './crashBreaker.ts';
import { startWorker } from './startWorker.ts';

export interface SupervisorOptions {
  /** How a worker is started; asked at every start. */
  readonly worker: () => WorkerClientOptions;
  /** The model of the settings; asked at every load. */
  readonly load: () => z.input<typeof loadModelRequest.params>;
  readonly breaker?: CrashBreaker;
}

export type SupervisorState =
  /** No worker, or one without a model that nobody has asked for. */
  | { readonly state: 'stopped' }
  /** The worker is being started, or loads the model. */
  | { readonly state: 'loading' }
  | { readonly state: 'ready'; readonly model: ModelInfo }
  /** No worker (`workerGaveUp`, or it cannot be started), or no model in it. */
  | { readonly state: 'failed'; readonly error: AnchorageError };

export interface SupervisorListener {
  onState(state: SupervisorState): void;
  /** A worker that died was started again, and has the model loaded. */
  onRestart(error: AnchorageError): void;
  /** A setting does not work and was done without: a sentence for the user. */
  onWarning(message: string): void;
}

/** A worker with a model in it. */
export interface ReadyWorker {
  readonly client: WorkerClient;
  readonly model: ModelInfo;
}

/** A start of the worker and what became of it. */
interface Run {
  readonly client: Promise<WorkerClient>;
  /** Set as soon as somebody wants the model. */
  model: Promise<ModelInfo> | null;
}

/**
 * Keeps a worker running with a model in it: starts it when it is first needed, again when it dies, later each time,
 * and gives up after three crashes in a minute. Requests in flight when it dies fail with `workerDied`; who asks for
 * the client while it is being started again waits for it. Sessions are in the store, and the new worker takes them
 * from there.
 */
export class WorkerSupervisor {
  readonly #options: SupervisorOptions;
  readonly #listener: SupervisorListener;
  readonly #breaker: CrashBreaker;
  #state: SupervisorState = { state: 'stopped' };
  #run: Run | null = null;
  #givenUp: AnchorageError | null = null;
  #disposed = false;

  constructor(options: SupervisorOptions, listener: SupervisorListener) {
    this.#options = options;
    this.#listener = listener;
    this.#breaker = options.breaker ?? new CrashBreaker();
  }

  get state(): SupervisorState {
    return this.#state;
  }

  /** The running worker, with or without a model; starts one. @throws AnchorageError `workerGaveUp` until `restart`. */
  async client(): Promise<WorkerClient> {
    const run = this.#current();
    const client = await run.client;
    if (this.#run === run && run.model === null && this.#state.state === 'loading') {
      this.#setState({ state: 'stopped' });
    }
    return client;
  }

  /** The worker with its model; starts and loads what is not there. A load that failed is tried again. */
  async ready(): Promise<ReadyWorker> {
    const run = this.#current();
    run.model ??= this.#load(run);
    const model = await run.model;
    return { client: await run.client, model };
  }

  /** Takes what a worker says of its model after it was loaded. */
  noteModel(model: ModelInfo): void {
    if (this.#state.state === 'ready') this.#setState({ state: 'ready', model });
  }

  /** Ends the worker, if there is one, and starts it anew with the settings of now. */
  async restart(): Promise<ReadyWorker> {
    this.#breaker.reset();
    this.#givenUp = null;
    await this.stop();
    return this.ready();
  }

  /** Ends the worker; the next request starts one again. */
  async stop(): Promise<void> {
    const run = this.#run;
    this.#run = null;
    this.#setState({ state: 'stopped' });
    // One that could not be started needs no end.
    const client = await run?.client.catch(() => undefined);
    await client?.shutdown();
  }

  /** Ends the worker for good: requests that come later, from what is being closed too, start none. */
  async dispose(): Promise<void> {
    this.#disposed = true;
    await this.stop();
  }

  #current(): Run {
    if (this.#disposed) throw new AnchorageError('cancelled', 'The extension is being closed.');
    if (this.#givenUp !== null) throw this.#givenUp;
    this.#run ??= this.#start(0);
    return this.#run;
  }

  #start(delay: number): Run {
    this.#setState({ state: 'loading' });
    const run: Run = { client: after(delay).then(() => this.#startWorker()), model: null };
    run.client.then(
      (client) => void client.closed.then((error) => this.#onClosed(run, error)),
      (error: unknown) => {
        if (this.#run !== run) return;
        this.#run = null;
        this.#setState({ state: 'failed', error: asAnchorageError(error) });
      },
    );
    return run;
  }

  #startWorker(): Promise<WorkerClient> {
    return startWorker(this.#options.worker(), (message) => this.#listener.onWarning(message));
  }

  async #load(run: Run): Promise<ModelInfo> {
    const client = await run.client;
    this.#setState({ state: 'loading' });
    try {
      const model = await client.request(loadModelRequest, this.#options.load());
      if (this.#run === run) this.#setState({ state: 'ready', model });
      return model;
    } catch (cause) {
      const error = asAnchorageError(cause);
      run.model = null;
      // What becomes of a worker that died is told by `#onClosed`.
      if (this.#run === run && error.reason !== 'workerDied') this.#setState({ state: 'failed', error });
      throw error;
    }
  }

  #onClosed(run: Run, error: AnchorageError): void {
    if (this.#run !== run) return;
    const delay = this.#breaker.crashed();
    if (delay === null) {
      this.#giveUp(error);
      return;
    }
    this.#run = this.#start(delay);
    this.ready().then(
      () => this.#listener.onRestart(error),
      // What went wrong is in the state by now.
      () => {},
    );
  }

  #giveUp(error: AnchorageError): void {
    this.#run = null;
    this.#givenUp = new AnchorageError(
      'workerGaveUp',
      `The worker died again and again, and is not started any more. The last time: ${error.message}`,
      'Restart it, or run Diagnose to find the cause.',
      { cause: error },
    );
    this.#setState({ state: 'failed', error: this.#givenUp });
  }

  #setState(state: SupervisorState): void {
    if (state.state === this.#state.state && (state.state === 'loading' || state.state === 'stopped')) return;
    this.#state = state;
    this.#listener.onState(state);
  }
}

function after(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

function asAnchorageError(error: unknown): AnchorageError {
  return AnchorageError.is(error) ? error : new AnchorageError('internal', messageOf(error), '', { cause: error });
}
