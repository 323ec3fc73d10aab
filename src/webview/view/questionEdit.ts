import { button, element, setAttributes } from '../dom.ts';
import { strings } from '../strings.ts';
import { chipList } from './chips.ts';
import type { AttachmentChip } from '../../protocol/webview.ts';

export interface QuestionEditActions {
  /** Asks the question in these words; where that is not possible now, they stay here. */
  save(text: string): void;
  cancel(): void;
}

/** A question being put into other words, in its place. What was attached to it is read again with it. */
export class QuestionEdit {
  readonly element: HTMLElement;
  readonly #input = element('textarea', { rows: 1, 'aria-label': strings.edit, title: strings.editHint });
  readonly #save: HTMLButtonElement;
  readonly #actions: QuestionEditActions;

  constructor(text: string, attachments: readonly AttachmentChip[], actions: QuestionEditActions) {
    this.#actions = actions;
    this.#input.value = text;
    this.#save = button({ label: strings.saveEdit, className: 'when-idle', onClick: () => this.#submit() });
    const chips = chipList(attachments, null);
    this.element = element(
      'div',
      { class: 'question editing' },
      chips && element('div', { class: 'edit-kept' }, strings.editKept, chips),
      this.#input,
      element(
        'div',
        { class: 'edit-buttons' },
        this.#save,
        button({ label: strings.cancelEdit, className: 'secondary', onClick: () => actions.cancel() }),
      ),
    );
    this.#input.addEventListener('keydown', (event) => this.#onKey(event));
    this.#input.addEventListener('input', () => setAttributes(this.#save, { disabled: this.#text === '' }));
  }

  /** Puts the caret at the end of the text. */
  focus(): void {
    this.#input.focus();
    this.#input.setSelectionRange(this.#input.value.length, this.#input.value.length);
  }

  get #text(): string {
    return this.#input.value.trim();
  }

  #submit(): void {
    if (this.#text !== '') {
      this.#actions.save(this.#text);
    }
  }

  #onKey(event: KeyboardEvent): void {
    // Enter also ends a composition of an input method; that Enter is not ours.
    if (event.isComposing) {
      return;
    }
    if (event.key === 'Enter' && !event.shiftKey) {
      event.preventDefault();
      this.#submit();
    } else if (event.key === 'Escape') {
      // It would stop an answer.
      event.preventDefault();
      event.stopPropagation();
      this.#actions.cancel();
    }
  }
}
