import type * as vscode from 'vscode';
import type { Command } from '../../commandManager.ts';
import { requireActiveEditor } from '../../editor/activeEditor.ts';
import { readRange } from '../../editor/textSource.ts';
import type { Summarizer } from '../summarizer.ts';

/** Summarizes what is selected in the active editor. Resolves to the summary's address. */
export class SummarizeSelectionCommand implements Command {
  readonly id = 'anchorage.summarize.selection';
  readonly #summarizer: Summarizer;

  constructor(summarizer: Summarizer) {
    this.#summarizer = summarizer;
  }

  async execute(): Promise<vscode.Uri> {
    const { document, selection } = requireActiveEditor();
    return await this.#summarizer.summarize(readRange(document, selection));
  }
}
