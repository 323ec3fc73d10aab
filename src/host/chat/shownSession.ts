import * as vscode from 'vscode';
import type { MemoryView } from '../../protocol/memory.ts';
import type { ChatError } from '../../protocol/webview.ts';
import type { Exchange, SessionView } from '../../protocol/worker.ts';
import type { Answer } from '../assistant.ts';

/** The session that the chat shows; one without an id is not begun. */
export interface ShownSession {
  readonly id: string | null;
  readonly title: string;
  readonly exchanges: readonly Exchange[];
  readonly memory: MemoryView | null;
}

export const noSession: ShownSession = { id: null, title: '', exchanges: [], memory: null };

/** The session as the worker gave it. */
export function shownSessionOf({ id, title, exchanges, memory }: SessionView): ShownSession {
  return { id, title, exchanges, memory };
}

/**
 * The session after one more answer, which takes the place of the exchange that it `edits` and of what follows that. The
 * first question is the title, whole; the worker's list has it shortened.
 */
export function withAnswer(session: ShownSession, { exchange, memory }: Answer, edits: string | null): ShownSession {
  return {
    ...session,
    title: session.title || exchange.question,
    // What the worker told of the session meanwhile may have the answer already.
    exchanges: [...exchangesBefore(session, [exchange.id, edits]), exchange],
    memory,
  };
}

/** The exchanges before the first of the given ones; all where none of them is shown. */
export function exchangesBefore({ exchanges }: ShownSession, ids: readonly (string | null)[]): readonly Exchange[] {
  const end = exchanges.findIndex(({ id }) => ids.includes(id));
  return end < 0 ? exchanges : exchanges.slice(0, end);
}

/** What to say of an answer without a word in it; null for any other, and for one that the user stopped. */
export function emptyAnswerError({ answer, stopReason }: Exchange): ChatError | null {
  if (answer.trim() !== '' || stopReason === 'cancelled') {
    return null;
  }
  const message = vscode.l10n.t('The model ended without an answer.');
  return { message, remedy: vscode.l10n.t('Ask in other words.'), action: null };
}
