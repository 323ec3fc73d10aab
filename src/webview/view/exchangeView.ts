import { button, element } from '../dom.ts';
import { icon } from '../icons.ts';
import { MarkdownView } from '../markdown/markdownView.ts';
import type { CodeActions } from '../markdown/renderTree.ts';
import { strings } from '../strings.ts';
import { chipsOf } from './chips.ts';
import { questionBlock } from './questionBlock.ts';
import type { Exchange } from '../../protocol/worker.ts';

/** A finished exchange. Its Markdown is parsed when `render` is called: an unseen exchange of a long session costs next to nothing. */
export class ExchangeView {
  readonly element: HTMLElement;
  readonly #exchange: Exchange;
  readonly #actions: CodeActions;
  readonly #answer: HTMLElement;
  #rendered = false;

  /** `streamed` is the view that drew the answer while it was written; it is kept, and with it a selection or the focus inside. */
  constructor(exchange: Exchange, number: number, actions: CodeActions, streamed: MarkdownView | null) {
    this.#exchange = exchange;
    this.#actions = actions;
    this.#rendered = streamed !== null;
    streamed?.finish();
    this.#answer = element(
      'div',
      { class: 'answer' },
      element('h3', { class: 'visually-hidden' }, strings.assistant),
      streamed?.element ?? element('p', { class: 'preformatted' }, exchange.answer),
    );
    this.element = element(
      'article',
      { class: 'exchange', 'aria-label': strings.exchange(number) },
      questionBlock(exchange.question, chipsOf(exchange)),
      this.#answer,
      this.#footer(),
    );
  }

  /** Whether this view shows the exchange as it now is. */
  shows(exchange: Exchange): boolean {
    return exchange.answer === this.#exchange.answer && exchange.stopReason === this.#exchange.stopReason;
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

  #footer(): HTMLElement {
    const { answer, stopReason, usage } = this.#exchange;
    const stopped = strings.stopReasons[stopReason];
    const copy = button({
      label: strings.copyAnswer,
      icon: icon('copy'),
      done: icon('check'),
      className: 'icon-button',
      onClick: () => this.#actions.copy(answer),
    });
    const detail = strings.usageDetail(usage.kvRows, usage.kvRowsFull, usage.prefillMs, usage.decodeMs);
    return element(
      'footer',
      { class: 'exchange-footer' },
      stopped === null ? null : element('span', { class: 'stop-reason' }, stopped),
      element('span', { title: detail }, strings.usage(usage.answerTokens, usage.prefillMs + usage.decodeMs)),
      answer === '' ? null : copy,
    );
  }
}
