import * as vscode from 'vscode';
import { AnchorageError } from '../protocol/errors.ts';

/** The result, or `cancelled` as soon as the signal is aborted: loading cannot be stopped, waiting for it can. */
export async function orCancelled<T>(result: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => {
    reject(new AnchorageError('cancelled', vscode.l10n.t('Stopped before the model was ready.')));
  };
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) {
    onAbort();
  }
  try {
    return await Promise.race([result, promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
