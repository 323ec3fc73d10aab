import { button, element, setAttributes } from '../dom.ts';
import { icon } from '../icons.ts';
import { MarkdownView } from '../markdown/markdownView.ts';
import type { CodeActions } from '../markdown/renderTree.ts';
import { strings } from '../strings.ts';
import { chipsOf } from './chips.ts';
import { exchangeFooter, type ExchangeFooterActions, forgottenLine } from './exchangeFooter.ts';
import { questionBlock } from './questionBlock.ts';
import { QuestionEdit } from './questionEdit.ts';
import { rereadLine } from './rereadLine.ts';
import type { Exchange } from '../../protocol/worker.ts';

export interface ExchangeActions extends CodeActions, ExchangeFooterActions {
  /** Asks an exchange's question anew in other words. */
  edit(exchangeId: string, text: string): void;
  /** A question is being put into other words, in this element, which is to be in view. */
  editing(field: HTMLElement): void;
}

/** A finished exchange. Its Markdown is parsed when `render` is called: an unseen exchange of a long session costs next to nothing. */
export class ExchangeView {
  readonly element: HTMLElement;
  readonly #exchange: Exchange;
  readonly #actions: ExchangeActions;
  readonly #key: string;
  readonly #answer = element(
    'div',
    { class: 'answer' },
    element('h3', { class: 'visually-hidden' }, strings.assistant),
  );
  #question: HTMLElement | null = null;
  #refusal: string | null = null;
  #rendered: boolean;

  /** `streamed` is the view that drew the answer while it was written; it is kept, and with it a selection or the focus inside. */
  constructor(exchange: Exchange, number: number, actions: ExchangeActions, streamed: MarkdownView | null) {
    this.#exchange = exchange;
    this.#actions = actions;
    this.#key = keyOf(exchange);
    this.#rendered = streamed !== null || exchange.isForgotten;
    this.element = element('article', { class: 'exchange', 'aria-label': strings.exchange(number), tabindex: -1 });
    if (exchange.isForgotten) {
      this.element.append(forgottenLine(exchange, actions));
      return;
    }
    streamed?.finish();
    this.#answer.append(streamed?.element ?? element('p', { class: 'preformatted' }, exchange.answer));
    this.#question = this.#questionBlock();
    const reread = rereadLine(exchange.rehydrated);
    this.element.append(this.#question, this.#answer, ...(reread ? [reread] : []), exchangeFooter(exchange, actions));
  }

  /** Whether this view shows the exchange as it now is. */
  shows(exchange: Exchange): boolean {
    return keyOf(exchange) === this.#key;
  }

  render(): void {
    if (!this.#rendered) {
      this.#rendered = true;
      const markdown = new MarkdownView(this.#actions);
      markdown.append(this.#exchange.answer);
      markdown.finish();
      this.#answer.lastElementChild?.replaceWith(markdown.element);
    }
  }

  /** Tells why nothing may be asked anew now, or (null) that it may. */
  setRefusal(reason: string | null): void {
    if (reason !== this.#refusal) {
      this.#refusal = reason;
      this.#showRefusal();
    }
  }

  /** Turns the question into a field with `text` in it, and puts the caret there unless `focus` is false. */
  edit(text: string, { focus = true } = {}): void {
    if (this.#question === null) {
      return;
    }
    const field = new QuestionEdit(text, chipsOf(this.#exchange), {
      save: (words) => this.#actions.edit(this.#exchange.id, words),
      cancel: () => {
        this.#replaceQuestion(this.#questionBlock());
        this.#question?.querySelector('button')?.focus();
      },
    });
    this.#replaceQuestion(field.element);
    if (focus) {
      field.focus();
      this.#actions.editing(field.element);
    }
  }

  #questionBlock(): HTMLElement {
    const pencil = button({
      label: strings.edit,
      icon: icon('pencil'),
      className: 'icon-button when-idle edit-button',
      onClick: () => this.edit(this.#exchange.question),
    });
    return questionBlock(this.#exchange.question, chipsOf(this.#exchange), pencil);
  }

  #replaceQuestion(block: HTMLElement): void {
    this.#question?.replaceWith(block);
    this.#question = block;
    this.#showRefusal();
  }

  #showRefusal(): void {
    for (const made of this.element.querySelectorAll('.when-idle')) {
      const name = made.getAttribute('aria-label');
      setAttributes(made, { 'aria-disabled': this.#refusal !== null && 'true', title: this.#refusal ?? name });
    }
  }
}

/** Changes whenever what is drawn does. */
function keyOf({ answer, stopReason, siblings, rehydrated, isForgotten }: Exchange): string {
  return JSON.stringify([answer, stopReason, siblings, rehydrated, isForgotten]);
}
