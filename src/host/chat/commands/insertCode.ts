import * as vscode from 'vscode';
import { AnchorageError } from '../../../protocol/errors.ts';
import { lastCodeBlock } from '../../answerMarkdown.ts';
import type { Command } from '../../commandManager.ts';
import { insertAtCaret } from '../../editor/insertAtCaret.ts';
import type { ChatController } from '../chatController.ts';
import { requireLastAnswer } from '../lastAnswer.ts';

/** Inserts the last code block of the last answer at the caret. */
export class InsertCodeCommand implements Command {
  readonly id = 'anchorage.chat.insertCode';
  readonly #controller: ChatController;

  constructor(controller: ChatController) {
    this.#controller = controller;
  }

  async execute(): Promise<void> {
    const code = lastCodeBlock(requireLastAnswer(this.#controller.state));
    if (code === undefined) {
      throw new AnchorageError(
        'invalidInput',
        vscode.l10n.t('The last answer has no code.'),
        vscode.l10n.t('Ask for code, or copy the answer.'),
      );
    }
    await insertAtCaret(code);
  }
}
