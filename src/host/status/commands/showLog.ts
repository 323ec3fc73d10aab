import type * as vscode from 'vscode';
import type { Command } from '../../commandManager.ts';

/** Shows what the extension and the worker wrote down. */
export class ShowLogCommand implements Command {
  readonly id = 'anchorage.showLog';
  readonly #log: vscode.LogOutputChannel;

  constructor(log: vscode.LogOutputChannel) {
    this.#log = log;
  }

  execute(): void {
    this.#log.show();
  }
}
