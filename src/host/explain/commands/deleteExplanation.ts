import type { Command } from '../../commandManager.ts';
import type { ExplainController } from '../explainController.ts';
import { requireThread } from './commentArguments.ts';

/** Deletes an explanation and its session. */
export class DeleteExplanationCommand implements Command {
  readonly id = 'anchorage.explain.delete';
  readonly #controller: ExplainController;

  constructor(controller: ExplainController) {
    this.#controller = controller;
  }

  execute(argument?: unknown): void {
    this.#controller.delete(requireThread(argument));
  }
}
