import * as vscode from 'vscode';
import { AnchorageError, type ErrorReason, messageOf } from '../protocol/errors.ts';
import type { ChatError } from '../protocol/webview.ts';

/** The reasons after which starting the worker again is a remedy. One that died is being started again already. */
const restartable: ReadonlySet<ErrorReason> = new Set(['workerGaveUp', 'outOfMemory', 'versionMismatch']);

/** The error of a request that the user stopped: nothing to tell them. */
export function isCancelled(error: unknown): boolean {
  const aborted = error instanceof Error && error.name === 'AbortError';
  return aborted || AnchorageError.is(error, 'cancelled') || error instanceof vscode.CancellationError;
}

/** An error in the form the chat page shows, with the button that helps most. */
export function chatErrorOf(error: unknown): ChatError {
  if (!AnchorageError.is(error)) {
    return { message: messageOf(error), remedy: vscode.l10n.t('The log has the details.'), action: 'showLog' };
  }
  const { message, remedy, reason } = error;
  if (restartable.has(reason)) {
    return { message, remedy, action: 'restartWorker' };
  }
  if (reason === 'invalidInput') {
    return { message, remedy, action: null };
  }
  return { message, remedy, action: reason === 'internal' ? 'showLog' : 'retry' };
}

/** Shows errors as notifications whose buttons carry out the remedy. */
export class ErrorPresenter {
  readonly #log: vscode.LogOutputChannel;
  /** The notifications on the screen: one failure that several surfaces meet is shown once. */
  readonly #shown = new Set<string>();

  constructor(log: vscode.LogOutputChannel) {
    this.#log = log;
  }

  log(message: string): void {
    this.#log.error(message);
  }

  /** Logs and shows an error; returns at once. A cancellation is neither. */
  show(error: unknown): void {
    if (isCancelled(error)) {
      return;
    }
    this.#log.error(error instanceof Error ? error : String(error));
    this.showWithButtons(chatErrorOf(error), 'error');
  }

  /** Shows a notification with the buttons of its action; returns at once. */
  showWithButtons(error: ChatError, severity: 'warning' | 'error'): void {
    void this.#offer(error, severity);
  }

  async #offer({ message, remedy, action }: ChatError, severity: 'warning' | 'error'): Promise<void> {
    const restart = vscode.l10n.t('Restart');
    const showLog = vscode.l10n.t('Show Log');
    const buttons = action === 'restartWorker' ? [restart, showLog] : action === 'showLog' ? [showLog] : [];
    const text = [message, remedy].filter(Boolean).join(' ');
    if (this.#shown.has(message)) {
      return;
    }
    this.#shown.add(message);
    const { showErrorMessage, showWarningMessage } = vscode.window;
    const picked = await (severity === 'error' ? showErrorMessage : showWarningMessage)(text, ...buttons);
    this.#shown.delete(message);
    if (picked === restart) {
      await vscode.commands.executeCommand('anchorage.restartWorker');
    } else if (picked === showLog) {
      this.#log.show();
    }
  }
}
