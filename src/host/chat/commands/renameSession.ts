import * as vscode from 'vscode';
import type { Command } from '../../commandManager.ts';
import type { ChatController } from '../chatController.ts';
import type { ChatViewProvider } from '../chatViewProvider.ts';
import { requireSession } from '../openedSession.ts';

/** As long as the worker takes a title (`session/rename`). */
const maxTitle = 200;

/** Gives the session that is open another title. */
export class RenameSessionCommand implements Command {
  readonly id = 'anchorage.chat.renameSession';
  readonly #controller: ChatController;
  readonly #view: ChatViewProvider;

  constructor(controller: ChatController, view: ChatViewProvider) {
    this.#controller = controller;
    this.#view = view;
  }

  async execute(): Promise<void> {
    const { id, title } = requireSession(this.#controller.state);
    const given = await vscode.window.showInputBox({
      title: vscode.l10n.t('Rename the session'),
      value: title.slice(0, maxTitle),
      validateInput: problemOf,
    });
    if (given !== undefined) {
      await this.#view.focus();
      await this.#controller.sessions.rename(id, given.trim());
    }
  }
}

function problemOf(title: string): string | null {
  const { length } = title.trim();
  if (length === 0) {
    return vscode.l10n.t('A session needs a title.');
  }
  return length > maxTitle ? vscode.l10n.t('At most {0} characters.', maxTitle) : null;
}
