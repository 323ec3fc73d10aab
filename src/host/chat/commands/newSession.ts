import type { Command } from '../../commandManager.ts';
import type { ChatController } from '../chatController.ts';
import type { ChatViewProvider } from '../chatViewProvider.ts';

/** Begins an empty session; the one before stays in the list. */
export class NewSessionCommand implements Command {
  readonly id = 'anchorage.chat.newSession';
  readonly #controller: ChatController;
  readonly #view: ChatViewProvider;

  constructor(controller: ChatController, view: ChatViewProvider) {
    this.#controller = controller;
    this.#view = view;
  }

  async execute(): Promise<void> {
    await this.#controller.newSession();
    await this.#view.focus();
  }
}
