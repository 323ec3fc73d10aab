import { button, element, setVisible } from '../dom.ts';
import { icon } from '../icons.ts';
import type { MarkdownView } from '../markdown/markdownView.ts';
import type { CodeActions } from '../markdown/renderTree.ts';
import { strings } from '../strings.ts';
import { emptyState } from './emptyState.ts';
import { BranchFocus } from './branchFocus.ts';
import { ExchangeView, type ExchangeActions } from './exchangeView.ts';
import { FollowScroll } from './followScroll.ts';
import { RunningView } from './runningView.ts';
import type { ChatState, ReadProgress, RunningAnswer } from '../../protocol/webview.ts';
import type { Exchange } from '../../protocol/worker.ts';

export interface TranscriptActions extends CodeActions {
  ask(question: string): void;
  /** Asks an exchange anew (`text` empty: as it was); returns whether that was taken. */
  edit(exchangeId: string, text: string): boolean;
  selectBranch(exchangeId: string): void;
  /** Something was chosen that cannot be done now. */
  refused(reason: string): void;
}

/** Exchanges at the end that are drawn at once; older ones are drawn as they come near the visible part. */
const drawnAtOnce = 4;
/** How long an exchange that was gone to is marked, in milliseconds. */
const markedFor = 2000;

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
  readonly #exchangeActions: ExchangeActions;
  readonly #branchFocus = new BranchFocus();
  #running: RunningView | null = null;
  /** What was asked anew last: in the field again when it got no answer. */
  #asked: { readonly exchangeId: string; readonly text: string } | null = null;
  #sessionId: string | null = null;

  constructor(actions: TranscriptActions) {
    this.#actions = actions;
    this.#exchangeActions = {
      ...actions,
      edit: (exchangeId, text) => {
        if (actions.edit(exchangeId, text)) {
          this.#asked = { exchangeId, text };
        }
      },
      editing: (field) => {
        this.#follow.leave();
        field.scrollIntoView({ block: 'nearest' });
      },
      regenerate: (exchangeId) => void actions.edit(exchangeId, ''),
      selectBranch: (exchangeId, step) => {
        this.#branchFocus.expect(exchangeId, step);
        actions.selectBranch(exchangeId);
      },
    };
    this.#refuseWhereDisabled();
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
    const before = this.#running?.edits ?? null;
    const finished = this.#updateRunning(state.running);
    this.#updateExchanges(state.exchanges, finished);
    for (const view of this.#views.values()) {
      view.setRefusal(state.running ? strings.stillAnswering : null);
    }
    if (state.running === null && before !== null) {
      this.#giveBack(before);
    }
    if (isOtherSession) {
      this.#follow.follow();
    }
    this.#branchFocus.give(this.#views);
  }

  /** Scrolls to an exchange, gives it the focus and marks it for a moment. Returns whether it is there. */
  goTo(exchangeId: string): boolean {
    const view = this.#views.get(exchangeId);
    if (view === undefined) {
      return false;
    }
    const { element: target } = view;
    this.#follow.leave();
    view.render();
    target.scrollIntoView({ block: 'start' });
    target.focus({ preventScroll: true });
    target.classList.add('marked');
    setTimeout(() => target.classList.remove('marked'), markedFor);
    // What came into view on the way may be drawn by now, and then takes other room than was guessed.
    requestAnimationFrame(() => requestAnimationFrame(() => target.scrollIntoView({ block: 'start' })));
    return true;
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

  /** A question that was asked anew and got no answer is in its field again, in the words that it was to have. */
  #giveBack(exchangeId: string): void {
    const asked = this.#asked;
    this.#asked = null;
    if (asked?.exchangeId === exchangeId) {
      const { activeElement } = document;
      const isWriting = activeElement instanceof HTMLTextAreaElement && activeElement.value !== '';
      this.#views.get(exchangeId)?.edit(asked.text, { focus: document.hasFocus() && !isWriting });
    }
  }

  /** A button that is disabled for now says why when it is pressed all the same. */
  #refuseWhereDisabled(): void {
    const onClick = (event: MouseEvent): void => {
      const { target } = event;
      const refused = target instanceof Element ? target.closest('.when-idle[aria-disabled=true]') : null;
      if (refused) {
        event.stopPropagation();
        this.#actions.refused(refused.getAttribute('title') ?? '');
      }
    };
    this.#exchanges.addEventListener('click', onClick, { capture: true });
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
    const view = new ExchangeView(exchange, number, this.#exchangeActions, streamed);
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
