import * as vscode from 'vscode';
import { AnchorageError } from '../../protocol/errors.ts';
import type { ChatState } from '../../protocol/webview.ts';

/** The last answer of the session that is open, as Markdown. Fails with `invalidInput` where there is none. */
export function requireLastAnswer(state: ChatState): string {
  const exchange = state.exchanges.findLast(({ isForgotten }) => !isForgotten);
  if (exchange === undefined) {
    throw new AnchorageError(
      'invalidInput',
      vscode.l10n.t('The chat has no answer yet.'),
      vscode.l10n.t('Ask something first.'),
    );
  }
  return exchange.answer;
}
