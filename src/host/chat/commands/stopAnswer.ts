import type { Command } from '../../commandManager.ts';
import type { ChatController } from '../chatController.ts';

/** Ends the chat's running answer. */
export class StopAnswerCommand implements Command {
  readonly id = 'anchorage.chat.stop';
  readonly #controller: ChatController;

  constructor(controller: ChatController) {
    this.#controller = controller;
  }

  execute(): void {
    this.#controller.stop();
  }
}
