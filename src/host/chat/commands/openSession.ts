import * as vscode from 'vscode';
import type { Assistant } from '../../assistant.ts';
import type { Command } from '../../commandManager.ts';
import type { ChatController } from '../chatController.ts';
import type { ChatViewProvider } from '../chatViewProvider.ts';

interface SessionItem extends vscode.QuickPickItem {
  readonly sessionId: string;
}

/** Lets the user pick an earlier session and opens it. */
export class OpenSessionCommand implements Command {
  readonly id = 'anchorage.chat.openSession';
  readonly #assistant: Assistant;
  readonly #controller: ChatController;
  readonly #view: ChatViewProvider;

  constructor(assistant: Assistant, controller: ChatController, view: ChatViewProvider) {
    this.#assistant = assistant;
    this.#controller = controller;
    this.#view = view;
  }

  /** @param sessionId opened without asking where a caller gives it */
  async execute(sessionId?: unknown): Promise<void> {
    const chosen = typeof sessionId === 'string' ? sessionId : await this.#pick();
    if (chosen !== undefined) {
      await this.#controller.openSession(chosen);
      await this.#view.focus();
    }
  }

  async #pick(): Promise<string | undefined> {
    const sessions = await this.#assistant.listSessions();
    if (sessions.length === 0) {
      void vscode.window.showInformationMessage(vscode.l10n.t('There is no earlier session in this workspace.'));
      return undefined;
    }
    const items = sessions.map(({ id, title, updatedAt, exchanges }): SessionItem => ({
      sessionId: id,
      label: title || vscode.l10n.t('Untitled session'),
      description: new Date(updatedAt).toLocaleString(vscode.env.language),
      detail: exchanges === 1 ? vscode.l10n.t('One exchange') : vscode.l10n.t('{0} exchanges', exchanges),
    }));
    const item = await vscode.window.showQuickPick(items, {
      title: vscode.l10n.t('Open a chat session'),
      matchOnDescription: true,
    });
    return item?.sessionId;
  }
}
