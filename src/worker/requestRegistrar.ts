import type { z } from 'zod';
import { AnchorageError } from '../protocol/errors.ts';
import type { RequestDefinition } from '../protocol/worker.ts';
import type { FallbackSessionStore } from '../memory/fallbackSessionStore.ts';
import type { MachineProfile } from './machineProfile.ts';
import type { RpcEndpoint } from './rpc/endpoint.ts';
import type { SessionRequests } from './sessionRequests.ts';
import type { Sessions } from './sessions.ts';

export type Params<D> = D extends RequestDefinition<infer P, z.ZodType> ? z.output<P> : never;
export type Result<D> = D extends RequestDefinition<z.ZodType, infer R> ? z.input<R> : never;

/** What the handshake sets up. */
export interface Started {
  readonly sessions: Sessions;
  readonly requests: SessionRequests;
  readonly sessionStore: FallbackSessionStore;
  readonly storageFolder: string | null;
  /** Why the folder's sessions could not be opened at all. */
  readonly storageWarning: string | null;
  readonly onnxruntime: string;
  readonly profile: MachineProfile;
}

export type Handler<P extends z.ZodType, R extends z.ZodType> = (
  started: Started,
  params: z.output<P>,
  signal: AbortSignal,
) => Promise<z.input<R>>;

export interface RequestRegistrarOptions {
  readonly endpoint: RpcEndpoint;
  /** Null before the handshake. */
  readonly started: () => Started | null;
  /** Does a job when it is its turn at the engine; the signal is aborted too when the worker ends. */
  readonly inTurn: <T>(cancelled: AbortSignal, job: (signal: AbortSignal) => Promise<T>) => Promise<T>;
}

/** Registers the requests that are answered after the handshake. */
export class RequestRegistrar {
  readonly #options: RequestRegistrarOptions;

  constructor(options: RequestRegistrarOptions) {
    this.#options = options;
  }

  /** A request that waits for its turn at the engine. */
  queued<P extends z.ZodType, R extends z.ZodType>(definition: RequestDefinition<P, R>, handler: Handler<P, R>): void {
    this.direct(definition, (started, params, cancelled) =>
      this.#options.inTurn(cancelled, (signal) => handler(started, params, signal)),
    );
  }

  /** A request that is answered while the engine is busy. */
  direct<P extends z.ZodType, R extends z.ZodType>(definition: RequestDefinition<P, R>, handler: Handler<P, R>): void {
    this.#options.endpoint.onRequest(definition, (params, signal) => {
      const started = this.#options.started();
      if (started !== null) return handler(started, params, signal);
      throw new AnchorageError(
        'versionMismatch',
        `${definition.method} came before the handshake.`,
        'Send initialize first.',
      );
    });
  }
}
