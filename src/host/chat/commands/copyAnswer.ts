import * as vscode from 'vscode';
import type { Command } from '../../commandManager.ts';
import type { ChatController } from '../chatController.ts';
import { requireLastAnswer } from '../lastAnswer.ts';

/** Copies the last answer of the chat, as Markdown. */
export class CopyAnswerCommand implements Command {
  readonly id = 'anchorage.chat.copyAnswer';
  readonly #controller: ChatController;

  constructor(controller: ChatController) {
    this.#controller = controller;
  }

  async execute(): Promise<void> {
    await vscode.env.clipboard.writeText(requireLastAnswer(this.#controller.state));
  }
}
