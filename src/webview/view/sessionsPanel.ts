import { button, element, focusWithin, setVisible } from '../dom.ts';
import { formatAge } from '../format.ts';
import { icon } from '../icons.ts';
import { strings } from '../strings.ts';
import type { SessionSummary } from '../../protocol/worker.ts';

export interface SessionsActions {
  list(): void;
  open(sessionId: string): void;
  delete(sessionId: string): void;
}

/** The stored sessions, over the whole page: opened by a click, deleted by two. */
export class SessionsPanel {
  readonly element: HTMLElement;
  readonly #list = element('ul', { class: 'session-list' });
  readonly #note = element('p', { class: 'session-note', role: 'status' });
  readonly #close: HTMLButtonElement;
  readonly #covered: HTMLElement;
  readonly #actions: SessionsActions;
  #openedFrom: Element | null = null;
  #currentId: string | null = null;

  /** `covered` is what lies under the panel: it cannot be reached while the panel is open. */
  constructor(covered: HTMLElement, actions: SessionsActions) {
    this.#covered = covered;
    this.#actions = actions;
    this.#close = button({
      label: strings.closeSessions,
      icon: icon('close'),
      className: 'icon-button',
      onClick: () => this.close(),
    });
    this.element = element(
      'div',
      { class: 'sessions', role: 'dialog', 'aria-modal': 'true', 'aria-label': strings.sessions, hidden: true },
      element('header', { class: 'bar' }, element('h2', {}, strings.sessions), this.#close),
      this.#note,
      this.#list,
    );
    this.element.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') {
        event.stopPropagation();
        this.close();
      }
    });
  }

  /** Opens the panel and asks for the list; `currentId` is the session that the page shows. */
  open(currentId: string | null): void {
    this.#currentId = currentId;
    this.#openedFrom = document.activeElement;
    this.#list.replaceChildren();
    this.#note.textContent = strings.loadingSessions;
    this.#setOpen(true);
    this.#close.focus();
    this.#actions.list();
  }

  get isOpen(): boolean {
    return !this.element.hidden;
  }

  close(): void {
    this.#setOpen(false);
    if (this.#openedFrom instanceof HTMLElement) {
      focusWithin(this.#openedFrom);
    }
  }

  update(sessions: readonly SessionSummary[]): void {
    const hadFocus = this.#list.contains(document.activeElement);
    this.#note.textContent = sessions.length === 0 ? strings.noSessions : '';
    const newestFirst = [...sessions].sort((a, b) => b.updatedAt - a.updatedAt);
    this.#list.replaceChildren(...newestFirst.map((session) => this.#item(session)));
    if (hadFocus) {
      focusWithin(this.#list.querySelector('button') ?? this.#close);
    }
  }

  #setOpen(open: boolean): void {
    setVisible(this.element, open);
    this.#covered.inert = open;
  }

  #item(session: SessionSummary): HTMLElement {
    const title = session.title || strings.untitledSession;
    const item = element('li', { class: 'session' });
    item.append(this.#openButton(session, title), this.#deleteButton(session, title, item));
    return item;
  }

  #openButton(session: SessionSummary, title: string): HTMLButtonElement {
    const isCurrent = session.id === this.#currentId;
    const age = strings.sessionDetail(session.exchanges, formatAge(session.updatedAt, Date.now()));
    const made = element(
      'button',
      { type: 'button', class: 'session-open', 'aria-current': isCurrent ? 'true' : null },
      element('span', { class: 'session-title' }, title),
      element('span', { class: 'session-detail' }, isCurrent ? `${age}, ${strings.currentSession}` : age),
    );
    made.addEventListener('click', () => {
      this.close();
      this.#actions.open(session.id);
    });
    return made;
  }

  #deleteButton(session: SessionSummary, title: string, item: HTMLElement): HTMLButtonElement {
    return button({
      label: strings.deleteSession(title),
      icon: icon('trash'),
      className: 'icon-button',
      onClick: () => this.#confirmDelete(session, title, item),
    });
  }

  #confirmDelete(session: SessionSummary, title: string, item: HTMLElement): void {
    const restore = (): void => {
      const again = this.#deleteButton(session, title, item);
      item.replaceChildren(this.#openButton(session, title), again);
      again.focus();
    };
    const confirm = button({
      label: strings.confirmDelete,
      description: `${strings.confirmDelete}: ${title}`,
      className: 'danger',
      onClick: () => this.#actions.delete(session.id),
    });
    const keep = button({ label: strings.keepSession, className: 'secondary', onClick: restore });
    item.replaceChildren(element('span', { class: 'session-title' }, title), confirm, keep);
    keep.focus();
  }
}
