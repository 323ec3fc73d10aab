import { button, element } from '../dom.ts';
import { icon } from '../icons.ts';
import { strings } from '../strings.ts';
import type { AttachmentChip } from '../../protocol/webview.ts';
import type { Exchange } from '../../protocol/worker.ts';

/** A list of attachments; with `remove`, each has a button for it. Null where there are none. */
export function chipList(chips: readonly AttachmentChip[], remove: ((id: string) => void) | null): HTMLElement | null {
  if (chips.length === 0) {
    return null;
  }
  return element(
    'ul',
    { class: 'chips', 'aria-label': strings.attachments },
    ...chips.map((chip) => chipItem(chip, remove)),
  );
}

/** The attachments of a finished exchange as chips. Lines count from 1, both ends included. */
export function chipsOf(exchange: Exchange): readonly AttachmentChip[] {
  return exchange.attachments.map((attachment, index) => {
    const { path, startLine, lines } = attachment;
    const range = attachment.kind === 'selection' ? `:${startLine}-${startLine + lines - 1}` : '';
    return { id: String(index), label: `${path.split(/[\\/]/).at(-1) ?? path}${range}`, detail: `${path}${range}` };
  });
}

function chipItem(chip: AttachmentChip, remove: ((id: string) => void) | null): HTMLElement {
  const removeButton =
    remove &&
    button({
      label: strings.removeAttachment(chip),
      icon: icon('close'),
      className: 'chip-remove',
      onClick: () => remove(chip.id),
    });
  return element(
    'li',
    { class: 'chip', title: chip.detail },
    element('span', { class: 'chip-label' }, chip.label),
    removeButton,
  );
}
