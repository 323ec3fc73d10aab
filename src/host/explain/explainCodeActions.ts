import * as vscode from 'vscode';
import { Disposable } from '../disposable.ts';

/** Offers "Explain with Anchorage" among the actions of any selected code. It edits nothing, so it has no refactoring's kind. */
export class ExplainCodeActions extends Disposable implements vscode.CodeActionProvider {
  constructor() {
    super();
    this.register(
      vscode.languages.registerCodeActionsProvider({ language: '*' }, this, {
        providedCodeActionKinds: [vscode.CodeActionKind.Empty],
      }),
    );
  }

  provideCodeActions(document: vscode.TextDocument, range: vscode.Range | vscode.Selection): vscode.CodeAction[] {
    if (range.isEmpty || document.getText(range).trim() === '') {
      return [];
    }
    const action = new vscode.CodeAction(vscode.l10n.t('Explain with Anchorage'), vscode.CodeActionKind.Empty);
    action.command = { title: action.title, command: 'anchorage.explain.selection', arguments: [document.uri, range] };
    return [action];
  }
}
