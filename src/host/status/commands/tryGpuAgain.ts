import * as vscode from 'vscode';
import type { Assistant } from '../../assistant.ts';
import type { Command } from '../../commandManager.ts';

/** Has the GPU tried again, after a driver was installed for example, and shows what came of it. Resolves to that. */
export class TryGpuAgainCommand implements Command {
  readonly id = 'anchorage.tryGpuAgain';
  readonly #assistant: Assistant;

  constructor(assistant: Assistant) {
    this.#assistant = assistant;
  }

  async execute(): Promise<string> {
    const progress = {
      location: vscode.ProgressLocation.Notification,
      title: vscode.l10n.t('Anchorage: trying the GPU'),
      cancellable: true,
    };
    const { executionProviderReason } = await vscode.window.withProgress(progress, (_, token) => {
      const abort = new AbortController();
      token.onCancellationRequested(() => {
        abort.abort();
      });
      return this.#assistant.tryProvidersAgain(abort.signal);
    });
    // Nothing waits for the user to have read it.
    void vscode.window.showInformationMessage(executionProviderReason);
    return executionProviderReason;
  }
}
