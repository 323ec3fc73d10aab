import * as vscode from 'vscode';
import { AnchorageError } from '../../protocol/errors.ts';
import { requireActiveEditor } from './activeEditor.ts';
import { displayPath } from './textSource.ts';

/** Replaces the selection of the active editor, or inserts at its caret, as one undo step. */
export async function insertAtCaret(text: string): Promise<void> {
  const editor = requireActiveEditor();
  const done = await editor.edit((edit) => {
    for (const selection of editor.selections) {
      edit.replace(selection, text);
    }
  });
  if (!done) {
    throw new AnchorageError(
      'fileUnreadable',
      vscode.l10n.t('{0} cannot be changed.', displayPath(editor.document.uri)),
      vscode.l10n.t('Open a file that is not read-only, or copy the code.'),
    );
  }
  await vscode.window.showTextDocument(editor.document, editor.viewColumn);
}
