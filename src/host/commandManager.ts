import * as vscode from 'vscode';
import { Disposable } from './disposable.ts';
import type { ErrorPresenter } from './errorPresenter.ts';

/** A command of the manifest. What `execute` throws is shown to the user. */
export interface Command {
  readonly id: string;
  execute(...args: readonly unknown[]): unknown;
}

/** Registers commands; their arguments come from anywhere and are checked by each of them. */
export class CommandManager extends Disposable {
  readonly #errors: ErrorPresenter;

  constructor(errors: ErrorPresenter) {
    super();
    this.#errors = errors;
  }

  add(...commands: readonly Command[]): void {
    for (const command of commands) {
      this.register(
        vscode.commands.registerCommand(command.id, async (...args: readonly unknown[]) => {
          try {
            return await command.execute(...args);
          } catch (error) {
            this.#errors.show(error);
            return undefined;
          }
        }),
      );
    }
  }
}
