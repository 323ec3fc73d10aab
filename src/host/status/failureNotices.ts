import * as vscode from 'vscode';
import type { Assistant } from '../assistant.ts';
import { Disposable } from '../disposable.ts';
import { chatErrorOf, type ErrorPresenter } from '../errorPresenter.ts';

/** Tells the user when the worker died (that it was started again, or that it needs them) and what it warns of. */
export class FailureNotices extends Disposable {
  constructor(assistant: Assistant, errors: ErrorPresenter) {
    super();
    this.register(
      assistant.onDidRestart(({ error }) => {
        const remedy = vscode.l10n.t('It was started again; a question that was running is kept and can be retried.');
        errors.showWithButtons({ ...chatErrorOf(error), remedy, action: null }, 'warning');
      }),
    );
    this.register(
      assistant.onDidWarn((message) => {
        errors.showWithButtons({ message, remedy: '', action: 'showLog' }, 'warning');
      }),
    );
    this.register(
      assistant.onDidChangeStatus((status) => {
        if (status.state === 'failed') {
          errors.showWithButtons({ ...chatErrorOf(status.error), action: 'restartWorker' }, 'error');
        }
      }),
    );
  }
}
