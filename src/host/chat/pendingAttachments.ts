import * as vscode from 'vscode';
import { AnchorageError } from '../../protocol/errors.ts';
import type { AttachmentChip } from '../../protocol/webview.ts';
import type { Attachment } from '../../protocol/worker.ts';
import { chipOf } from './attachmentChips.ts';

/** As many as one question may carry (`attachments` of the ask request). */
const maxAttachments = 256;

interface Pending {
  readonly chip: AttachmentChip;
  readonly attachment: Attachment;
}

/** What the next question will carry, in the order in which it was attached; nothing twice. */
export class PendingAttachments {
  #pending: readonly Pending[] = [];

  get chips(): readonly AttachmentChip[] {
    return this.#pending.map(({ chip }) => chip);
  }

  add(attachments: readonly Attachment[]): void {
    const added = attachments.filter((attachment, index) => {
      const earlier = [...this.#pending.map((held) => held.attachment), ...attachments.slice(0, index)];
      return !earlier.some((other) => isSame(other, attachment));
    });
    if (this.#pending.length + added.length > maxAttachments) {
      throw new AnchorageError(
        'invalidInput',
        vscode.l10n.t('A question can carry {0} attachments at most.', maxAttachments),
        vscode.l10n.t('Ask about fewer files at a time.'),
      );
    }
    this.#pending = [...this.#pending, ...added.map((attachment) => ({ chip: chipOf(attachment), attachment }))];
  }

  remove(id: string): void {
    this.#pending = this.#pending.filter(({ chip }) => chip.id !== id);
  }

  /** Hands everything over and is empty afterwards. */
  take(): readonly Attachment[] {
    const taken = this.#pending.map(({ attachment }) => attachment);
    this.#pending = [];
    return taken;
  }
}

function isSame(a: Attachment, b: Attachment): boolean {
  return a.kind === b.kind && a.path === b.path && a.startLine === b.startLine && a.text === b.text;
}
