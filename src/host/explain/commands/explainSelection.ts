import * as vscode from 'vscode';
import type { Command } from '../../commandManager.ts';
import { requireActiveEditor } from '../../editor/activeEditor.ts';
import type { ExplainController } from '../explainController.ts';

/** Explains the selection, or the symbol or line at the caret, in a comment thread. */
export class ExplainSelectionCommand implements Command {
  readonly id = 'anchorage.explain.selection';
  readonly #controller: ExplainController;

  constructor(controller: ExplainController) {
    this.#controller = controller;
  }

  /** @param args a document's URI and a range, from a code action; the active editor's selection without them */
  async execute(...args: readonly unknown[]): Promise<void> {
    const [uri, range] = args;
    if (uri instanceof vscode.Uri && range instanceof vscode.Range) {
      await this.#controller.explain(await vscode.workspace.openTextDocument(uri), range);
    } else {
      const { document, selection } = requireActiveEditor();
      await this.#controller.explain(document, selection);
    }
  }
}
