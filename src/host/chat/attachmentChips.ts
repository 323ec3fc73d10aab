import { randomUUID } from 'node:crypto';
import * as vscode from 'vscode';
import type { AttachmentChip } from '../../protocol/webview.ts';
import type { Attachment, Exchange } from '../../protocol/worker.ts';
import { lineCount } from '../editor/lines.ts';

/** An attachment as the page shows it. */
export function chipOf(attachment: Attachment): AttachmentChip {
  return chip(attachment, lineCount(attachment.text));
}

/** The attachments of a finished exchange, whose text the worker has. */
export function chipsOf({ attachments }: Exchange): AttachmentChip[] {
  return attachments.map((attachment) => chip(attachment, attachment.lines));
}

function chip(
  { kind, path, startLine }: Pick<Attachment, 'kind' | 'path' | 'startLine'>,
  lines: number,
): AttachmentChip {
  const name = path.slice(path.lastIndexOf('/') + 1);
  const range = kind === 'selection' ? `:${startLine}–${startLine + lines - 1}` : '';
  const detail = lines === 1 ? vscode.l10n.t('{0} (one line)', path) : vscode.l10n.t('{0} ({1} lines)', path, lines);
  return { id: randomUUID(), label: name + range, detail };
}
