import * as vscode from 'vscode';
import type { SessionFormat } from '../../../protocol/worker.ts';
import type { Command } from '../../commandManager.ts';
import type { ChatController } from '../chatController.ts';
import type { ChatViewProvider } from '../chatViewProvider.ts';
import { requireSession } from '../openedSession.ts';

interface FormatItem extends vscode.QuickPickItem {
  readonly format: SessionFormat;
}

/** Writes the session that is open into a file. */
export class ExportSessionCommand implements Command {
  readonly id = 'anchorage.chat.exportSession';
  readonly #controller: ChatController;
  readonly #view: ChatViewProvider;

  constructor(controller: ChatController, view: ChatViewProvider) {
    this.#controller = controller;
    this.#view = view;
  }

  async execute(): Promise<void> {
    const { id } = requireSession(this.#controller.state);
    const items: readonly FormatItem[] = [
      { format: 'markdown', label: 'Markdown', detail: vscode.l10n.t('The branch that is shown, to be read.') },
      { format: 'json', label: 'JSON', detail: vscode.l10n.t('The whole session, to be imported again.') },
    ];
    const item = await vscode.window.showQuickPick(items, { title: vscode.l10n.t('Export the session as') });
    if (item !== undefined) {
      // Where it fails, the chat says so.
      await this.#view.focus();
      await this.#controller.sessions.export(id, item.format);
    }
  }
}
