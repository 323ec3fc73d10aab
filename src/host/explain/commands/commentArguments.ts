import * as vscode from 'vscode';
import { z } from 'zod';
import { AnchorageError } from '../../../protocol/errors.ts';

/** VS Code hands its menus the thread object itself; it has no class to test for. */
const threadSchema = z.custom<vscode.CommentThread>(
  (value) => typeof value === 'object' && value !== null && 'comments' in value && 'uri' in value && 'dispose' in value,
);
const replySchema = z.object({ thread: threadSchema, text: z.string() });

/** The thread that a menu of the comment widget was used on; undefined where a command came from elsewhere. */
export function threadOf(argument: unknown): vscode.CommentThread | undefined {
  return threadSchema.safeParse(argument).data;
}

/** As `threadOf`, for commands that make no sense without a thread: fails with `invalidInput`. */
export function requireThread(argument: unknown): vscode.CommentThread {
  const thread = threadOf(argument);
  if (thread === undefined) {
    throw notFromThread();
  }
  return thread;
}

/** What the user wrote into a thread's reply box. */
export function requireReply(argument: unknown): z.infer<typeof replySchema> {
  const reply = replySchema.safeParse(argument);
  if (!reply.success) {
    throw notFromThread();
  }
  return reply.data;
}

function notFromThread(): AnchorageError {
  return new AnchorageError(
    'invalidInput',
    vscode.l10n.t('This command belongs to an explanation.'),
    vscode.l10n.t('Use it in the comment thread of one.'),
  );
}
