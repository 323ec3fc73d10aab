import { button, element, setVisible } from '../dom.ts';
import { icon } from '../icons.ts';
import type { MarkdownView } from '../markdown/markdownView.ts';
import type { CodeActions } from '../markdown/renderTree.ts';
import { strings } from '../strings.ts';
import { emptyState } from './emptyState.ts';
import { ExchangeView } from './exchangeView.ts';
import { FollowScroll } from './followScroll.ts';
import { RunningView } from './runningView.ts';
import type { ChatState, ReadProgress, RunningAnswer } from '../../protocol/webview.ts';
import type { Exchange } from '../../protocol/worker.ts';

export interface TranscriptActions extends CodeActions {
  ask(question: string): void;
}

/** Exchanges at the end that are drawn at once; older ones are drawn as they come near the visible part. */
const drawnAtOnce = 4;

/** The conversation: finished exchanges, the running one, and what a new session shows in their place. */
export class Transcript {
  readonly element: HTMLElement;
  readonly #scroller = element('div', { class: 'transcript', role: 'log', 'aria-live': 'off', tabindex: 0 });
  readonly #content = element('div', { class: 'transcript-content' });
  readonly #exchanges = element('div', { class: 'exchanges' });
  readonly #empty: HTMLElement;
  readonly #views = new Map<string, ExchangeView>();
  readonly #follow: FollowScroll;
  readonly #nearby: IntersectionObserver;
  readonly #actions: TranscriptActions;
  #running: RunningView | null = null;
  #sessionId: string | null = null;

  constructor(actions: TranscriptActions) {
    this.#actions = actions;
    this.#empty = emptyState((question) => actions.ask(question));
    this.#scroller.setAttribute('aria-label', strings.conversation);
    this.#content.append(this.#exchanges);
    this.#scroller.append(this.#content);
    setVisible(this.#empty, false);
    const jump = button({
      label: strings.jumpToLatest,
      icon: icon('down'),
      className: 'jump',
      onClick: () => this.#follow.follow(),
    });
    setVisible(jump, false);
    this.element = element('div', { class: 'transcript-area' }, this.#empty, this.#scroller, jump);
    this.#follow = new FollowScroll(this.#scroller, this.#content, (following) => {
      // A hidden button would leave the focus nowhere.
      if (following && document.activeElement === jump) {
        this.#scroller.focus({ preventScroll: true });
      }
      setVisible(jump, !following);
    });
    this.#nearby = new IntersectionObserver((entries) => this.#drawNearby(entries), {
      root: this.#scroller,
      rootMargin: '800px 0px',
    });
  }

  update(state: ChatState): void {
    const isOtherSession = state.sessionId !== this.#sessionId;
    this.#sessionId = state.sessionId;
    const isEmpty = state.exchanges.length === 0 && state.running === null;
    setVisible(this.#empty, isEmpty);
    setVisible(this.#scroller, !isEmpty);
    const finished = this.#updateRunning(state.running);
    this.#updateExchanges(state.exchanges, finished);
    if (isOtherSession) {
      this.#follow.follow();
    }
  }

  append(requestId: string, text: string): void {
    if (this.#running?.requestId === requestId) {
      this.#running.append(text);
    }
  }

  showStage(requestId: string, stage: RunningAnswer['stage'], progress: ReadProgress | null): void {
    if (this.#running?.requestId === requestId) {
      this.#running.showStage(stage, progress);
    }
  }

  /** Draws the running answer and returns the view that was drawn before, if its answer is no longer running. */
  #updateRunning(running: RunningAnswer | null): RunningView | null {
    const before = this.#running;
    if (running && before?.continues(running)) {
      before.update(running);
      return null;
    }
    before?.element.remove();
    this.#running = running && new RunningView(running, this.#actions);
    if (this.#running) {
      this.#content.append(this.#running.element);
      this.#follow.follow();
    }
    return before;
  }

  #updateExchanges(exchanges: readonly Exchange[], finished: RunningView | null): void {
    const kept = new Set(exchanges.map((exchange) => exchange.id));
    for (const [id, view] of this.#views) {
      if (!kept.has(id)) {
        this.#remove(id, view);
      }
    }
    let previous: Element | null = null;
    for (const [index, exchange] of exchanges.entries()) {
      const streamed = index === exchanges.length - 1 ? streamOf(exchange, finished) : null;
      const view = this.#viewOf(exchange, index + 1, streamed);
      const expected: Element | null =
        previous === null ? this.#exchanges.firstElementChild : previous.nextElementSibling;
      if (expected !== view.element) {
        this.#exchanges.insertBefore(view.element, expected);
      }
      if (index >= exchanges.length - drawnAtOnce) {
        view.render();
      }
      previous = view.element;
    }
  }

  #viewOf(exchange: Exchange, number: number, streamed: MarkdownView | null): ExchangeView {
    const existing = this.#views.get(exchange.id);
    if (existing?.shows(exchange)) {
      return existing;
    }
    if (existing) {
      this.#remove(exchange.id, existing);
    }
    const view = new ExchangeView(exchange, number, this.#actions, streamed);
    this.#views.set(exchange.id, view);
    this.#nearby.observe(view.element);
    return view;
  }

  #remove(id: string, view: ExchangeView): void {
    this.#views.delete(id);
    this.#nearby.unobserve(view.element);
    view.element.remove();
  }

  #drawNearby(entries: readonly IntersectionObserverEntry[]): void {
    const near = new Set(entries.filter((entry) => entry.isIntersecting).map((entry) => entry.target));
    for (const view of this.#views.values()) {
      if (near.has(view.element)) {
        view.render();
        this.#nearby.unobserve(view.element);
      }
    }
  }
}

/** The view that streamed an exchange's answer, if it drew the very same text. */
function streamOf(exchange: Exchange, finished: RunningView | null): MarkdownView | null {
  return finished && finished.text.trim() === exchange.answer.trim() ? finished.markdown : null;
}
