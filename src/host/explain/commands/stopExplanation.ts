import type { Command } from '../../commandManager.ts';
import type { ExplainController } from '../explainController.ts';
import { threadOf } from './commentArguments.ts';

/** Stops the explanation whose button was used; from the palette, every one that is being written. */
export class StopExplanationCommand implements Command {
  readonly id = 'anchorage.explain.stop';
  readonly #controller: ExplainController;

  constructor(controller: ExplainController) {
    this.#controller = controller;
  }

  execute(argument?: unknown): void {
    this.#controller.stop(threadOf(argument));
  }
}
