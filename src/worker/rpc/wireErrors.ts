import { ConnectionError, ErrorCodes, ResponseError } from 'vscode-jsonrpc/node';
import { AnchorageError, errorReasons, messageOf } from '../../protocol/errors.ts';
import type { ErrorReason } from '../../protocol/errors.ts';
import { errorDataSchema } from '../../protocol/worker.ts';
import type { z } from 'zod';

/** LSP's code of a request that its sender cancelled; vscode-jsonrpc answers with it before a handler starts. */
const requestCancelled = -32800;

/** What vscode-jsonrpc answers in place of an other side that is no longer there. */
const undelivered: readonly number[] = [ErrorCodes.MessageWriteError, ErrorCodes.PendingResponseRejected];

/** The wire form of anything thrown by a request handler. */
export function toResponseError(error: unknown): ResponseError<z.infer<typeof errorDataSchema>> {
  if (error instanceof AnchorageError) {
    const code = error.reason === 'cancelled' ? requestCancelled : ErrorCodes.UnknownErrorCode;
    return new ResponseError(code, error.message, { reason: error.reason, remedy: error.remedy });
  }
  return new ResponseError(ErrorCodes.InternalError, messageOf(error), {
    reason: 'internal',
    remedy: 'This is a fault of Anchorage. The log has its details.',
  });
}

/** The error behind a response: one that this build does not know comes out as `internal`, with its message kept. */
export function fromResponseError(error: unknown): AnchorageError {
  if (error instanceof AnchorageError) return error;
  if (error instanceof ConnectionError || (error instanceof ResponseError && undelivered.includes(error.code))) {
    const remedy = 'Ask again: the worker is started anew. Your sessions are kept.';
    return new AnchorageError('workerDied', 'The worker process has gone.', remedy, { cause: error });
  }
  if (!(error instanceof ResponseError)) return new AnchorageError('internal', messageOf(error), '', { cause: error });
  if (error.code === requestCancelled) return new AnchorageError('cancelled', error.message);
  const data = errorDataSchema.safeParse(error.data);
  if (!data.success) return new AnchorageError('internal', error.message, '', { cause: error });
  return new AnchorageError(knownReason(data.data.reason), error.message, data.data.remedy);
}

function knownReason(reason: string): ErrorReason {
  return errorReasons.find((known) => known === reason) ?? 'internal';
}
