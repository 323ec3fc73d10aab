import { button, element, focusWithin, setText, setVisible } from '../dom.ts';
import { icon } from '../icons.ts';
import { strings } from '../strings.ts';
import { PopupMenu } from './popupMenu.ts';
import { searchHitRow } from './searchHitRow.ts';
import { SessionRow, type SessionRowActions } from './sessionRow.ts';
import type { SearchHit, SessionSummary } from '../../protocol/worker.ts';

export interface SessionsActions extends Omit<SessionRowActions, 'open'> {
  list(): void;
  search(query: string): void;
  /** Opens a session; `exchangeId` is to be seen where it is given. */
  open(sessionId: string, exchangeId: string | null): void;
  import(): void;
}

/** How long the user must not have typed for a search to begin, in milliseconds. */
const pause = 200;

/** The stored sessions, over the whole page: listed, searched, and what can be done with each. */
export class SessionsPanel {
  readonly element: HTMLElement;
  readonly #list = element('ul', { class: 'session-list' });
  readonly #note = element('p', { class: 'session-note', role: 'status' });
  readonly #search = element('input', {
    class: 'session-search',
    type: 'search',
    placeholder: strings.searchSessions,
    'aria-label': strings.searchSessions,
  });
  readonly #menu = new PopupMenu();
  readonly #covered: HTMLElement;
  readonly #actions: SessionsActions;
  #sessions: readonly SessionSummary[] | null = null;
  #openedFrom: Element | null = null;
  #currentId: string | null = null;
  #typing: number | undefined;

  /** `covered` is what lies under the panel: it cannot be reached while the panel is open. */
  constructor(covered: HTMLElement, actions: SessionsActions) {
    this.#covered = covered;
    this.#actions = actions;
    this.element = element(
      'div',
      { class: 'sessions', role: 'dialog', 'aria-modal': 'true', 'aria-label': strings.sessions, hidden: true },
      element(
        'header',
        { class: 'bar' },
        element('h2', {}, strings.sessions),
        this.#button(strings.importSession, 'import', () => actions.import()),
        this.#button(strings.closeSessions, 'close', () => this.close()),
      ),
      this.#search,
      this.#note,
      this.#list,
      this.#menu.element,
    );
    this.#search.addEventListener('input', () => this.#searchSoon());
    this.element.addEventListener('keydown', (event) => this.#onKey(event));
  }

  /** Opens the panel and asks for the list; `currentId` is the session that the page shows. */
  open(currentId: string | null): void {
    this.#currentId = currentId;
    this.#openedFrom = document.activeElement;
    this.#sessions = null;
    this.#search.value = '';
    this.#draw();
    this.#setOpen(true);
    this.#search.focus();
    this.#actions.list();
  }

  get isOpen(): boolean {
    return !this.element.hidden;
  }

  close(): void {
    clearTimeout(this.#typing);
    this.#setOpen(false);
    if (this.#openedFrom instanceof HTMLElement) {
      focusWithin(this.#openedFrom);
    }
  }

  update(sessions: readonly SessionSummary[]): void {
    this.#sessions = sessions;
    if (this.#query === '') {
      this.#draw();
    }
  }

  /** Shows what a search found, unless the user seeks something else by now. */
  showFound(query: string, hits: readonly SearchHit[]): void {
    if (query === this.#query && query !== '') {
      setText(this.#note, strings.found(hits.length));
      const open = (sessionId: string, exchangeId: string | null): void => this.#open(sessionId, exchangeId);
      this.#list.replaceChildren(...hits.map((hit) => searchHitRow(hit, hit.session.id === this.#currentId, open)));
    }
  }

  get #query(): string {
    return this.#search.value.trim();
  }

  #searchSoon(): void {
    clearTimeout(this.#typing);
    if (this.#query === '') {
      this.#draw();
      return;
    }
    setText(this.#note, strings.searching);
    this.#typing = setTimeout(() => this.#actions.search(this.#query), pause);
  }

  #draw(): void {
    const focused = document.activeElement?.closest<HTMLElement>('.session') ?? null;
    const sessions = this.#sessions ?? [];
    const note = sessions.length === 0 ? strings.noSessions : '';
    setText(this.#note, this.#sessions === null ? strings.loadingSessions : note);
    const actions = { ...this.#actions, open: (sessionId: string) => this.#open(sessionId, null) };
    const rows = [...sessions]
      .sort((a, b) => b.updatedAt - a.updatedAt)
      .map((session) => new SessionRow(session, session.id === this.#currentId, this.#menu, actions).element);
    this.#list.replaceChildren(...rows);
    if (focused !== null) {
      const same = rows.find((row) => row.dataset['session'] === focused.dataset['session']) ?? rows[0];
      focusWithin(same?.querySelector('button') ?? this.#search);
    }
  }

  #open(sessionId: string, exchangeId: string | null): void {
    this.close();
    this.#actions.open(sessionId, exchangeId);
  }

  #setOpen(open: boolean): void {
    setVisible(this.element, open);
    this.#covered.inert = open;
  }

  #onKey(event: KeyboardEvent): void {
    if (event.key !== 'Escape') {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
    if (document.activeElement === this.#search && this.#search.value !== '') {
      this.#search.value = '';
      this.#searchSoon();
    } else {
      this.close();
    }
  }

  #button(label: string, name: Parameters<typeof icon>[0], onClick: () => void): HTMLButtonElement {
    return button({ label, icon: icon(name), className: 'icon-button', onClick });
  }
}
