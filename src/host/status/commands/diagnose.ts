import * as vscode from 'vscode';
import type { Assistant } from '../../assistant.ts';
import type { Command } from '../../commandManager.ts';
import type { Configuration } from '../../configuration.ts';
import type { VirtualDocuments } from '../../virtualDocuments.ts';
import { diagnosis } from '../diagnosis.ts';

/** Opens a report on the installation. Resolves to its address. */
export class DiagnoseCommand implements Command {
  readonly id = 'anchorage.diagnose';
  readonly #assistant: Assistant;
  readonly #configuration: Configuration;
  readonly #documents: VirtualDocuments;
  readonly #version: string;

  constructor(assistant: Assistant, configuration: Configuration, documents: VirtualDocuments, version: string) {
    this.#assistant = assistant;
    this.#configuration = configuration;
    this.#documents = documents;
    this.#version = version;
  }

  async execute(): Promise<vscode.Uri> {
    const text = await vscode.window.withProgress(
      { location: vscode.ProgressLocation.Window, title: vscode.l10n.t('Diagnosing Anchorage') },
      () => diagnosis(this.#assistant, this.#configuration, this.#version),
    );
    const uri = this.#documents.create(vscode.l10n.t('Anchorage diagnosis'));
    this.#documents.update(uri, text);
    await this.#documents.show(uri, vscode.ViewColumn.Active);
    return uri;
  }
}
