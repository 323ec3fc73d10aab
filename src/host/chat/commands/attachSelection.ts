import type { Command } from '../../commandManager.ts';
import { requireActiveEditor } from '../../editor/activeEditor.ts';
import { codeTargetAt } from '../../editor/codeTarget.ts';
import { readRange } from '../../editor/textSource.ts';
import type { ChatController } from '../chatController.ts';
import type { ChatViewProvider } from '../chatViewProvider.ts';

/** Attaches the selection, or the symbol around the caret, to the next question. */
export class AttachSelectionCommand implements Command {
  readonly id = 'anchorage.chat.attachSelection';
  readonly #controller: ChatController;
  readonly #view: ChatViewProvider;

  constructor(controller: ChatController, view: ChatViewProvider) {
    this.#controller = controller;
    this.#view = view;
  }

  async execute(): Promise<void> {
    const { document, selection } = requireActiveEditor();
    const { range } = await codeTargetAt(document, selection);
    this.#controller.attach([readRange(document, range)]);
    await this.#view.focus();
  }
}
