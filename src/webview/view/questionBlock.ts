import { element } from '../dom.ts';
import { strings } from '../strings.ts';
import { chipList } from './chips.ts';
import type { AttachmentChip } from '../../protocol/webview.ts';

/** A question as it was typed, with what was attached to it and, where it can be edited, the button for that. */
export function questionBlock(
  question: string,
  attachments: readonly AttachmentChip[],
  edit: HTMLElement | null = null,
): HTMLElement {
  return element(
    'div',
    { class: 'question' },
    element('h3', { class: 'visually-hidden' }, strings.you),
    chipList(attachments, null),
    element('p', { class: 'question-text' }, question),
    edit,
  );
}
