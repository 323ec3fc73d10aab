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
          const { running, exchanges, sessionId } = message.state;
          this.#set('anchorage.chat.running', running !== null);
          this.#set('anchorage.chat.hasSession', sessionId !== null && exchanges.length > 0);
          this.#set(
            'anchorage.chat.hasAnswer',
            exchanges.some(({ isForgotten }) => !isForgotten),
          );
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
