import {
  CancellationTokenSource,
  StreamMessageReader,
  StreamMessageWriter,
  createMessageConnection,
} from 'vscode-jsonrpc/node';
import type { CancellationToken, Disposable, MessageConnection } from 'vscode-jsonrpc/node';
import type { z } from 'zod';
import { AnchorageError, messageOf } from '../../protocol/errors.ts';
import type { NotificationDefinition, RequestDefinition } from '../../protocol/worker.ts';
import { fromResponseError, toResponseError } from './wireErrors.ts';

export interface RequestOptions {
  /** Aborting asks the other side to stop; the request ends with what that side then answers. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * One end of a JSON-RPC connection on two streams, with every message validated by its definition's schemas: what
 * comes in because the other side may be of another build, what goes out because the fault would show up over there.
 */
export class RpcEndpoint {
  readonly #connection: MessageConnection;

  constructor(input: NodeJS.ReadableStream, output: NodeJS.WritableStream) {
    const reader = new StreamMessageReader(input);
    // Of a message that stays in part, since the other side has died in it, it would else tell again and again, for good.
    reader.partialMessageTimeout = 0;
    this.#connection = createMessageConnection(reader, new StreamMessageWriter(output));
    // A broken pipe is told by onClose; without a listener vscode-jsonrpc would print it on the console.
    this.#connection.onError(() => {});
    this.#connection.onUnhandledNotification(() => {});
  }

  /** Starts reading; handlers registered later miss messages. */
  listen(): void {
    this.#connection.listen();
  }

  onClose(listener: () => void): Disposable {
    return this.#connection.onClose(listener);
  }

  /** @throws AnchorageError with the reason the other side gave. */
  async request<P extends z.ZodType, R extends z.ZodType>(
    definition: RequestDefinition<P, R>,
    params: z.input<P>,
    { signal }: RequestOptions = {},
  ): Promise<z.output<R>> {
    const checked = parsed(definition.params, params, definition.method);
    const source = new CancellationTokenSource();
    const cancel = (): void => source.cancel();
    signal?.addEventListener('abort', cancel, { once: true });
    try {
      const answer = this.#connection.sendRequest(definition.method, checked, source.token);
      if (signal?.aborted === true) cancel();
      return parsed(definition.result, await answer, `answer of ${definition.method}`);
    } catch (error) {
      throw fromResponseError(error);
    } finally {
      signal?.removeEventListener('abort', cancel);
      source.dispose();
    }
  }

  /** Sends a notification; one that can no longer be delivered is dropped, as its receiver is gone. Never throws for it. */
  notify<P extends z.ZodType>(definition: NotificationDefinition<P>, params: z.input<P>): void {
    const checked = parsed(definition.params, params, definition.method);
    const sent = async (): Promise<void> => this.#connection.sendNotification(definition.method, checked);
    // A connection that has been closed throws before there is a promise; inside an async function that is the same.
    sent().catch(() => {});
  }

  /**
   * @param handler its `signal` is aborted when the other side cancels the request.
   * @param admit looks at the raw parameters before they are validated; throws to refuse them.
   */
  onRequest<P extends z.ZodType, R extends z.ZodType>(
    definition: RequestDefinition<P, R>,
    handler: (params: z.output<P>, signal: AbortSignal) => Promise<z.input<R>>,
    admit: (params: unknown) => void = () => {},
  ): void {
    this.#connection.onRequest(definition.method, async (raw: unknown, token: CancellationToken) => {
      const abort = new AbortController();
      const subscription = token.onCancellationRequested(() => abort.abort());
      try {
        admit(raw);
        const result = await handler(parsed(definition.params, raw, definition.method), abort.signal);
        return parsed(definition.result, result, `answer of ${definition.method}`);
      } catch (error) {
        return toResponseError(error);
      } finally {
        subscription.dispose();
      }
    });
  }

  /** @param onInvalid receives a sentence on a message that the schema refuses; the message is dropped. */
  onNotification<P extends z.ZodType>(
    definition: NotificationDefinition<P>,
    handler: (params: z.output<P>) => void,
    onInvalid: (message: string) => void,
  ): Disposable {
    return this.#connection.onNotification(definition.method, (raw: unknown) => {
      const result = definition.params.safeParse(raw);
      if (result.success) handler(result.data);
      else onInvalid(`${definition.method}: ${firstIssue(result.error)}`);
    });
  }

  dispose(): void {
    this.#connection.dispose();
  }
}

function parsed<S extends z.ZodType>(schema: S, value: unknown, what: string): z.output<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new AnchorageError('invalidInput', `${what}: ${firstIssue(result.error)}`, 'Correct the value that is named.');
}

/** The first thing a schema found wrong, with the path of its field. */
export function firstIssue(error: z.ZodError): string {
  const issue = error.issues[0];
  if (issue === undefined) return messageOf(error);
  const path = issue.path.map(String).join('.');
  return path === '' ? issue.message : `${path}: ${issue.message}`;
}
