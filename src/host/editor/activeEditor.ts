import * as vscode from 'vscode';
import { AnchorageError } from '../../protocol/errors.ts';

/** The editor that has, or last had, the focus. Fails with `invalidInput` where no text editor is open. */
export function requireActiveEditor(): vscode.TextEditor {
  const editor = vscode.window.activeTextEditor;
  if (editor === undefined) {
    throw noEditor();
  }
  return editor;
}

/** The file of the active editor, of one without text (an image, a binary file) too. Fails as `requireActiveEditor`. */
export function requireActiveFile(): vscode.Uri {
  const input = vscode.window.tabGroups.activeTabGroup.activeTab?.input;
  const ofTab = input instanceof vscode.TabInputText || input instanceof vscode.TabInputCustom ? input.uri : undefined;
  const uri = ofTab ?? vscode.window.activeTextEditor?.document.uri;
  if (uri === undefined) {
    throw noEditor();
  }
  return uri;
}

function noEditor(): AnchorageError {
  return new AnchorageError(
    'invalidInput',
    vscode.l10n.t('No text editor is open.'),
    vscode.l10n.t('Open a file and try again.'),
  );
}

/** The files that a menu was opened on (all chosen ones in the explorer); none where a command came from elsewhere. */
export function urisOfMenu(args: readonly unknown[]): readonly vscode.Uri[] {
  const [clicked, chosen] = args;
  const uris = Array.isArray(chosen) ? chosen.filter((uri) => uri instanceof vscode.Uri) : [];
  return uris.length > 0 ? uris : clicked instanceof vscode.Uri ? [clicked] : [];
}
