import * as vscode from 'vscode';
import { AnchorageError } from '../../protocol/errors.ts';
import type { ChatState } from '../../protocol/webview.ts';

/** The session that the chat shows. Fails with `invalidInput` where nothing was asked in it yet. */
export function requireSession({ sessionId, title, exchanges }: ChatState): {
  readonly id: string;
  readonly title: string;
} {
  if (sessionId === null || exchanges.length === 0) {
    throw new AnchorageError(
      'invalidInput',
      vscode.l10n.t('No session is open in the chat.'),
      vscode.l10n.t('Open one first.'),
    );
  }
  return { id: sessionId, title };
}
