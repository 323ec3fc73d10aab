import type { Assistant } from '../../assistant.ts';
import type { Command } from '../../commandManager.ts';

/** Ends the worker and starts it anew with the settings of now. */
export class RestartWorkerCommand implements Command {
  readonly id = 'anchorage.restartWorker';
  readonly #assistant: Assistant;

  constructor(assistant: Assistant) {
    this.#assistant = assistant;
  }

  async execute(): Promise<void> {
    await this.#assistant.restart();
  }
}
