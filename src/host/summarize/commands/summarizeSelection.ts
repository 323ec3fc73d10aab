import type * as vscode from 'vscode';
import type { Command } from '../../commandManager.ts';
import type { Configuration } from '../../configuration.ts';
import { requireActiveEditor } from '../../editor/activeEditor.ts';
import { readRange } from '../../editor/textSource.ts';
import type { Summarizer } from '../summarizer.ts';

/** Summarizes what is selected in the active editor. Resolves to the summary's address. */
export class SummarizeSelectionCommand implements Command {
  readonly id = 'anchorage.summarize.selection';
  readonly #summarizer: Summarizer;
  readonly #configuration: Configuration;

  constructor(summarizer: Summarizer, configuration: Configuration) {
    this.#summarizer = summarizer;
    this.#configuration = configuration;
  }

  async execute(): Promise<vscode.Uri> {
    const { document, selection } = requireActiveEditor();
    const source = readRange(document, selection, this.#configuration.settings['files.maxSize']);
    return (await this.#summarizer.summarize(source)).uri;
  }
}
