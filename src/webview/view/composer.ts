import { button, element, focusWithin, setAttributes, setVisible } from '../dom.ts';
import { icon } from '../icons.ts';
import { InputHistory } from '../inputHistory.ts';
import { strings } from '../strings.ts';
import { chipList } from './chips.ts';
import { menuButton } from './menuButton.ts';
import { PopupMenu } from './popupMenu.ts';
import type { InputState } from '../host.ts';
import type { AttachmentChip } from '../../protocol/webview.ts';

export interface ComposerActions {
  /** Returns whether the question was taken; where not, it stays in the input. */
  ask(question: string): boolean;
  stop(): void;
  attachSelection(): void;
  attachFile(): void;
  removeAttachment(id: string): void;
  save(state: InputState): void;
}

/** Where a question is written: attachments, the input, and the buttons below it. */
export class Composer {
  readonly element: HTMLElement;
  readonly #input = element('textarea', { rows: 1, 'aria-label': strings.ask, placeholder: strings.askPlaceholder });
  readonly #chips = element('div', { class: 'composer-chips' });
  readonly #send: HTMLButtonElement;
  readonly #stop: HTMLButtonElement;
  readonly #history: InputHistory;
  readonly #actions: ComposerActions;
  #attachments = '[]';

  constructor(initial: InputState, actions: ComposerActions) {
    this.#actions = actions;
    this.#history = new InputHistory(initial.history);
    this.#send = button({
      label: strings.send,
      icon: icon('send'),
      className: 'icon-button',
      onClick: () => this.submit(),
    });
    this.#stop = button({
      label: strings.stop,
      icon: icon('stop'),
      className: 'icon-button',
      onClick: () => actions.stop(),
    });
    const menu = new PopupMenu();
    const attach = menuButton(menu, {
      label: strings.attach,
      icon: icon('attach'),
      items: [
        { label: strings.attachSelection, onClick: () => actions.attachSelection() },
        { label: strings.attachFile, onClick: () => actions.attachFile() },
      ],
    });
    setAttributes(this.#input, { title: strings.keys });
    this.element = element(
      'div',
      { class: 'composer' },
      this.#chips,
      this.#input,
      element('div', { class: 'composer-bar' }, attach, menu.element, this.#stop, this.#send),
    );
    this.#input.addEventListener('keydown', (event) => this.#onKey(event));
    this.#input.addEventListener('input', () => this.#changed());
    this.#showRunning(false);
    this.#input.value = initial.draft;
    this.#changed();
  }

  update(attachments: readonly AttachmentChip[], running: boolean): void {
    if (this.#stop.hidden === running) {
      this.#showRunning(running);
    }
    const key = JSON.stringify(attachments);
    if (key !== this.#attachments) {
      this.#attachments = key;
      this.#showAttachments(attachments);
    }
  }

  focus(): void {
    focusWithin(this.#input);
  }

  /** Puts text into the input, with the caret at its end. A draft that it takes the place of is kept for the arrow keys. */
  prefill(text: string): void {
    if (this.#text.trim() !== '' && this.#text !== text) {
      this.#history.add(this.#text);
    }
    this.#setText(text);
    this.focus();
  }

  /** Asks what is in the input. */
  submit(): void {
    const question = this.#text.trim();
    if (question !== '' && this.#actions.ask(question)) {
      this.#setText('');
    }
    this.focus();
  }

  /** Keeps a question for the arrow keys. */
  remember(question: string): void {
    this.#history.add(question);
    this.#save();
  }

  get #text(): string {
    return this.#input.value;
  }

  #setText(text: string): void {
    this.#input.value = text;
    this.#input.setSelectionRange(text.length, text.length);
    this.#changed();
  }

  #showRunning(running: boolean): void {
    const hadFocus = document.activeElement === this.#send || document.activeElement === this.#stop;
    setVisible(this.#stop, running);
    setVisible(this.#send, !running);
    if (hadFocus) {
      this.focus();
    }
  }

  #showAttachments(attachments: readonly AttachmentChip[]): void {
    const hadFocus = this.#chips.contains(document.activeElement);
    const list = chipList(attachments, (id) => this.#actions.removeAttachment(id));
    this.#chips.replaceChildren(...(list ? [list] : []));
    if (hadFocus) {
      this.focus();
    }
  }

  #onKey(event: KeyboardEvent): void {
    // Enter also ends a composition of an input method; that Enter is not ours.
    if (event.isComposing) {
      return;
    }
    if (event.key === 'Enter' && !event.shiftKey) {
      event.preventDefault();
      this.submit();
      return;
    }
    const recalled = this.#recalled(event);
    if (recalled !== null) {
      event.preventDefault();
      this.#setText(recalled);
    }
  }

  /** The question that an arrow key in the first or last line of the input brings back. */
  #recalled(event: KeyboardEvent): string | null {
    const { selectionStart, selectionEnd, value } = this.#input;
    if (event.shiftKey || event.altKey || event.ctrlKey || event.metaKey || selectionStart !== selectionEnd) {
      return null;
    }
    if (event.key === 'ArrowUp' && !value.slice(0, selectionStart).includes('\n')) {
      return this.#history.older(value);
    }
    return event.key === 'ArrowDown' && !value.slice(selectionEnd).includes('\n') ? this.#history.newer() : null;
  }

  #changed(): void {
    setAttributes(this.#send, { 'aria-disabled': String(this.#text.trim() === '') });
    this.#save();
  }

  #save(): void {
    this.#actions.save({ draft: this.#text, history: this.#history.entries });
  }
}
