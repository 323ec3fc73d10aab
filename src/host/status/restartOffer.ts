import * as vscode from 'vscode';
import type { Assistant } from '../assistant.ts';
import type { Configuration } from '../configuration.ts';
import { Disposable } from '../disposable.ts';
import type { ErrorPresenter } from '../errorPresenter.ts';
import { settingsSection, startupSettings } from '../settings.ts';

/** Offers to restart the worker when a setting changed that it reads at its start only. */
export class RestartOffer extends Disposable {
  readonly #assistant: Assistant;
  readonly #errors: ErrorPresenter;
  #offered = false;

  constructor(assistant: Assistant, configuration: Configuration, errors: ErrorPresenter) {
    super();
    this.#assistant = assistant;
    this.#errors = errors;
    this.register(
      configuration.onDidChange((names) => {
        const name = names.find((changed) => startupSettings.includes(changed));
        if (name !== undefined && !this.#offered && assistant.status.state !== 'stopped') {
          void this.#offer(`${settingsSection}.${name}`);
        }
      }),
    );
  }

  async #offer(setting: string): Promise<void> {
    this.#offered = true;
    const restart = vscode.l10n.t('Restart');
    const message = vscode.l10n.t('The setting {0} takes effect when the worker is restarted.', setting);
    const picked = await vscode.window.showInformationMessage(message, restart);
    this.#offered = false;
    if (picked === restart) {
      this.#assistant.restart().catch((error: unknown) => {
        this.#errors.show(error);
      });
    }
  }
}
