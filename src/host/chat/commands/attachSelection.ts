import type { Command } from '../../commandManager.ts';
import type { Configuration } from '../../configuration.ts';
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
  readonly #configuration: Configuration;

  constructor(controller: ChatController, view: ChatViewProvider, configuration: Configuration) {
    this.#controller = controller;
    this.#view = view;
    this.#configuration = configuration;
  }

  async execute(): Promise<void> {
    const { document, selection } = requireActiveEditor();
    const { range } = await codeTargetAt(document, selection);
    this.#controller.attach([readRange(document, range, this.#configuration.settings['files.maxSize'])]);
    await this.#view.focus();
  }
}
