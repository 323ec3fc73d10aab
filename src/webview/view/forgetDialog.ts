import { button, element, setAttributes } from '../dom.ts';
import { strings } from '../strings.ts';
import { Popup } from './popup.ts';
import type { SequenceView } from '../../protocol/memory.ts';

/** Asks whether a sequence is really to be forgotten, and says what that means. */
export class ForgetDialog {
  readonly #popup = new Popup();

  constructor() {
    setAttributes(this.element, {
      role: 'alertdialog',
      'aria-labelledby': 'forget-question',
      'aria-describedby': 'forget-warning',
    });
    this.element.classList.add('forget');
  }

  get element(): HTMLElement {
    return this.#popup.element;
  }

  get isOpen(): boolean {
    return this.#popup.isOpen;
  }

  open(anchor: Element, returnTo: HTMLElement, view: SequenceView, confirmed: () => void): void {
    const keep = button({
      label: strings.keepSequence,
      className: 'secondary',
      onClick: () => this.close(),
    });
    const forget = button({
      label: strings.confirmForget,
      className: 'danger',
      onClick: () => {
        this.close();
        confirmed();
      },
    });
    const warning = strings.forgetWarning[view.kind === 'chunk' ? 'chunk' : 'exchange'];
    this.#popup.open(anchor, returnTo, [
      element('p', { class: 'forget-question', id: 'forget-question' }, strings.forgetQuestion(view.label)),
      element('p', { id: 'forget-warning' }, warning),
      element('div', { class: 'forget-buttons' }, keep, forget),
    ]);
    keep.focus();
  }

  close(): void {
    this.#popup.close();
  }
}
