import * as vscode from 'vscode';
import { Disposable } from '../disposable.ts';
import type { ChatController } from './chatController.ts';

/** Tells the editor when the chat's commands make sense (`enablement` and `when` of the manifest). */
export class ChatContextKeys extends Disposable {
  readonly #values = new Map<string, boolean>();

  constructor(controller: ChatController) {
    super();
    this.register(
      controller.onDidPost((message) => {
        if (message.type === 'state') {
          this.#set('anchorage.chat.running', message.state.running !== null);
          this.#set('anchorage.chat.hasAnswer', message.state.exchanges.length > 0);
        }
      }),
    );
  }

  #set(key: string, value: boolean): void {
    if (this.#values.get(key) !== value) {
      this.#values.set(key, value);
      void vscode.commands.executeCommand('setContext', key, value);
    }
  }
}
