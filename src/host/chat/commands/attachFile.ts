import * as vscode from 'vscode';
import type { Command } from '../../commandManager.ts';
import type { Configuration } from '../../configuration.ts';
import { urisOfMenu } from '../../editor/activeEditor.ts';
import { pickFile } from '../../editor/pickFile.ts';
import { readFiles } from '../../editor/readFiles.ts';
import type { ChatController } from '../chatController.ts';
import type { ChatViewProvider } from '../chatViewProvider.ts';

/** Attaches files to the next question: those a menu was opened on, else one that the user picks. */
export class AttachFileCommand implements Command {
  readonly id = 'anchorage.chat.attachFile';
  readonly #controller: ChatController;
  readonly #view: ChatViewProvider;
  readonly #configuration: Configuration;

  constructor(controller: ChatController, view: ChatViewProvider, configuration: Configuration) {
    this.#controller = controller;
    this.#view = view;
    this.#configuration = configuration;
  }

  async execute(...args: readonly unknown[]): Promise<void> {
    const given = urisOfMenu(args);
    const picked = given.length > 0 ? undefined : await pickFile(vscode.l10n.t('Attach a file to the next question'));
    const uris = picked === undefined ? given : [picked];
    if (uris.length === 0) {
      return;
    }
    const reading = readFiles(uris, this.#configuration.settings['files.maxSize']);
    await this.#controller.attachWhenRead(reading.then(({ read }) => read));
    const { read, problem } = await reading;
    if (read.length > 0) {
      await this.#view.focus();
    }
    if (problem !== null) {
      throw problem;
    }
  }
}
