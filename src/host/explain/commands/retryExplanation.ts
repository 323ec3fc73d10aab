import type { Command } from '../../commandManager.ts';
import type { ExplainController } from '../explainController.ts';
import { requireThread } from './commentArguments.ts';

/** Asks again what failed in an explanation. */
export class RetryExplanationCommand implements Command {
  readonly id = 'anchorage.explain.retry';
  readonly #controller: ExplainController;

  constructor(controller: ExplainController) {
    this.#controller = controller;
  }

  async execute(argument?: unknown): Promise<void> {
    await this.#controller.retry(requireThread(argument));
  }
}
