import type { Command } from '../../commandManager.ts';
import type { ExplainController } from '../explainController.ts';
import { requireReply } from './commentArguments.ts';

/** Asks what the user wrote into an explanation's reply box. */
export class ReplyToExplanationCommand implements Command {
  readonly id = 'anchorage.explain.reply';
  readonly #controller: ExplainController;

  constructor(controller: ExplainController) {
    this.#controller = controller;
  }

  async execute(argument?: unknown): Promise<void> {
    const { thread, text } = requireReply(argument);
    await this.#controller.reply(thread, text);
  }
}
