import type { Command } from '../../commandManager.ts';
import type { ChatController } from '../chatController.ts';
import type { ChatViewProvider } from '../chatViewProvider.ts';

/** Takes a session from a file that was exported as JSON, and opens it. */
export class ImportSessionCommand implements Command {
  readonly id = 'anchorage.chat.importSession';
  readonly #controller: ChatController;
  readonly #view: ChatViewProvider;

  constructor(controller: ChatController, view: ChatViewProvider) {
    this.#controller = controller;
    this.#view = view;
  }

  async execute(): Promise<void> {
    await this.#view.focus();
    await this.#controller.sessions.import();
  }
}
