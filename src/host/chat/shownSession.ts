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

/** The session after one more answer. Its first question is its title, whole; the worker's list has it shortened. */
export function withAnswer(session: ShownSession, { exchange, memory }: Answer): ShownSession {
  return {
    ...session,
    title: session.title || exchange.question,
    exchanges: [...session.exchanges, exchange],
    memory,
  };
}

/** What to say of an answer without a word in it; null for any other, and for one that the user stopped. */
export function emptyAnswerError({ answer, stopReason }: Exchange): ChatError | null {
  if (answer.trim() !== '' || stopReason === 'cancelled') {
    return null;
  }
  const message = vscode.l10n.t('The model ended without an answer.');
  return { message, remedy: vscode.l10n.t('Ask in other words.'), action: null };
}
