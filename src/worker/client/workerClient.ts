import type { z } from 'zod';
import { AnchorageError, messageOf } from '../../protocol/errors.ts';
import {
  initializeRequest,
  logNotification,
  memoryChangedNotification,
  modelChangedNotification,
  progressNotification,
  protocolVersion,
  shutdownRequest,
  storageChangedNotification,
  tokenNotification,
} from '../../protocol/worker.ts';
import type { RequestDefinition } from '../../protocol/worker.ts';
import { RpcEndpoint } from '../rpc/endpoint.ts';
import type { RequestOptions } from '../rpc/endpoint.ts';
import { StderrTail } from './stderrTail.ts';
import { spawnWorker } from './workerProcess.ts';
import type { WorkerChild, WorkerProcessOptions } from './workerProcess.ts';

/** What a worker tells unasked. */
export interface WorkerListener {
  onToken?(params: z.output<typeof tokenNotification.params>): void;
  onProgress?(params: z.output<typeof progressNotification.params>): void;
  onMemoryChanged?(params: z.output<typeof memoryChangedNotification.params>): void;
  onModelChanged?(params: z.output<typeof modelChangedNotification.params>): void;
  onStorageChanged?(params: z.output<typeof storageChangedNotification.params>): void;
  onLog?(params: z.output<typeof logNotification.params>): void;
  /** A line that the worker wrote on its stderr. */
  onStderr?(text: string): void;
}

export interface WorkerClientOptions extends WorkerProcessOptions {
  /** Name of the program that starts the worker, for its log. */
  readonly client: string;
  /** Folder for sessions; null keeps them in memory only. */
  readonly storageFolder: string | null;
  /** Folder for what is measured of the machine; by default that of the sessions. */
  readonly profileFolder?: string | undefined;
  readonly listener?: WorkerListener | undefined;
  /** Milliseconds until a worker that does not answer the handshake counts as dead. */
  readonly handshakeTimeout?: number;
}

export type WorkerInfo = z.output<typeof initializeRequest.result>;

const shutdownGrace = 1000;

/** A running worker process: requests to it, and the end of it. */
export class WorkerClient {
  readonly info: WorkerInfo;
  /** Resolves with the reason when the worker has gone, asked for or not. */
  readonly closed: Promise<AnchorageError>;
  readonly #child: WorkerChild;
  readonly #endpoint: RpcEndpoint;
  /** Rejects the requests that wait for an answer. */
  readonly #inFlight = new Set<(error: AnchorageError) => void>();
  #gone: AnchorageError | null = null;

  private constructor(child: WorkerChild, endpoint: RpcEndpoint, closed: Promise<AnchorageError>, info: WorkerInfo) {
    this.#child = child;
    this.#endpoint = endpoint;
    this.closed = closed.then((error) => {
      this.#gone = error;
      for (const reject of this.#inFlight) reject(error);
      return error;
    });
    this.info = info;
  }

  /**
   * Starts a worker and shakes hands with it.
   *
   * @throws AnchorageError `workerDied` when it does not start, `versionMismatch` when it is of another build.
   */
  static async start(options: WorkerClientOptions): Promise<WorkerClient> {
    const child = spawnWorker(options);
    const endpoint = new RpcEndpoint(child.stdout, child.stdin);
    const closed = closeOf(child, options);
    register(endpoint, options.listener ?? {});
    endpoint.listen();
    try {
      const info = await withDeadline(
        Promise.race([
          endpoint.request(initializeRequest, {
            protocolVersion,
            client: options.client,
            storageFolder: options.storageFolder,
            profileFolder: options.profileFolder ?? null,
          }),
          closed.then((error) => Promise.reject(error)),
        ]),
        options.handshakeTimeout ?? 30_000,
      );
      if (info.protocolVersion !== protocolVersion) throw otherVersion(info.protocolVersion);
      return new WorkerClient(child, endpoint, closed, info);
    } catch (error) {
      child.kill('SIGKILL');
      endpoint.dispose();
      throw error;
    }
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** @throws AnchorageError with the worker's reason, or `workerDied` when it goes before it answered. */
  request<P extends z.ZodType, R extends z.ZodType>(
    definition: RequestDefinition<P, R>,
    params: z.input<P>,
    options?: RequestOptions,
  ): Promise<z.output<R>> {
    if (this.#gone !== null) return Promise.reject(this.#gone);
    return new Promise((resolve, reject) => {
      this.#inFlight.add(reject);
      this.#endpoint
        .request(definition, params, options)
        .then(resolve, reject)
        .finally(() => this.#inFlight.delete(reject));
    });
  }

  /** Asks the worker to end, waits a second for it, then kills it. */
  async shutdown(): Promise<void> {
    const kill = setTimeout(() => this.#child.kill('SIGKILL'), shutdownGrace);
    this.request(shutdownRequest, {}).catch(() => {});
    await this.closed;
    clearTimeout(kill);
    this.#endpoint.dispose();
  }

  /** Ends the worker at once; requests in flight fail with `workerDied`. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }
}

function register(endpoint: RpcEndpoint, listener: WorkerListener): void {
  const onInvalid = (message: string): void =>
    listener.onLog?.({ level: 'error', message: `The worker sent a message that this build cannot read. ${message}` });
  endpoint.onNotification(tokenNotification, (params) => listener.onToken?.(params), onInvalid);
  endpoint.onNotification(progressNotification, (params) => listener.onProgress?.(params), onInvalid);
  endpoint.onNotification(memoryChangedNotification, (params) => listener.onMemoryChanged?.(params), onInvalid);
  endpoint.onNotification(modelChangedNotification, (params) => listener.onModelChanged?.(params), onInvalid);
  endpoint.onNotification(storageChangedNotification, (params) => listener.onStorageChanged?.(params), onInvalid);
  endpoint.onNotification(logNotification, (params) => listener.onLog?.(params), onInvalid);
}

/** Resolves when the child has gone, with what can be said about why. */
function closeOf(child: WorkerChild, { listener, nodePath }: WorkerClientOptions): Promise<AnchorageError> {
  const tail = new StderrTail();
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    tail.push(text);
    listener?.onStderr?.(text);
  });
  // Writing to a child that has gone raises EPIPE here; its 'close' event says why it went.
  child.stdin.on('error', () => {});
  return new Promise((resolve) => {
    child.once('error', (error) =>
      resolve(
        new AnchorageError(
          'workerDied',
          `The worker process could not be started with ${nodePath ?? process.execPath}: ${messageOf(error)}`,
          'Check the setting of the Node binary.',
          { cause: error },
        ),
      ),
    );
    child.once('close', (code, signal) => {
      const how = signal === null ? `with exit code ${code}` : `by signal ${signal}`;
      const said = tail.lastLines(5);
      resolve(
        new AnchorageError(
          'workerDied',
          `The worker process ended ${how}.${said === '' ? '' : `\n${said}`}`,
          'Ask again: the worker is started anew. Your sessions are kept.',
        ),
      );
    });
  });
}

async function withDeadline<T>(answer: Promise<T>, milliseconds: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () =>
        reject(
          new AnchorageError(
            'workerDied',
            `The worker process did not answer within ${milliseconds} ms.`,
            'Start it again.',
          ),
        ),
      milliseconds,
    );
  });
  try {
    return await Promise.race([answer, deadline]);
  } finally {
    clearTimeout(timer);
  }
}

function otherVersion(version: number): AnchorageError {
  return new AnchorageError(
    'versionMismatch',
    `The worker speaks version ${version} of the protocol, this program version ${protocolVersion}.`,
    'Install the extension again, so that both are of one build.',
  );
}
