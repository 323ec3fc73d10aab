import { button, element } from '../dom.ts';
import { formatAge } from '../format.ts';
import { icon } from '../icons.ts';
import { strings } from '../strings.ts';
import { menuButton } from './menuButton.ts';
import type { PopupMenu } from './popupMenu.ts';
import type { SessionFormat, SessionSummary } from '../../protocol/worker.ts';

export interface SessionRowActions {
  open(sessionId: string): void;
  rename(sessionId: string, title: string): void;
  export(sessionId: string, format: SessionFormat): void;
  delete(sessionId: string): void;
}

/** The longest title that the worker takes, in UTF-16 units. */
const maxTitle = 200;

/** A stored session in the list: opened by a click, renamed in place, deleted by two clicks. */
export class SessionRow {
  readonly element = element('li', { class: 'session' });
  readonly #session: SessionSummary;
  readonly #title: string;
  readonly #isCurrent: boolean;
  readonly #menu: PopupMenu;
  readonly #actions: SessionRowActions;

  /** `menu` is shared by all rows. */
  constructor(session: SessionSummary, isCurrent: boolean, menu: PopupMenu, actions: SessionRowActions) {
    this.#session = session;
    this.#title = session.title || strings.untitledSession;
    this.#isCurrent = isCurrent;
    this.#menu = menu;
    this.#actions = actions;
    this.element.dataset['session'] = session.id;
    this.#showUsual();
  }

  #showUsual(): void {
    const { id } = this.#session;
    const more = menuButton(this.#menu, {
      label: strings.sessionActions(this.#title),
      icon: icon('more'),
      items: [
        { label: strings.renameSession, onClick: () => this.#showRename() },
        ...(['markdown', 'json'] as const).map((format) => ({
          label: strings.exportSession[format],
          onClick: () => this.#actions.export(id, format),
        })),
      ],
    });
    const remove = button({
      label: strings.deleteSession(this.#title),
      icon: icon('trash'),
      className: 'icon-button',
      onClick: () => this.#showConfirm(),
    });
    const open = sessionButton(this.#session, this.#isCurrent, [], () => this.#actions.open(id));
    this.element.replaceChildren(open, more, remove);
  }

  #showRename(): void {
    const input = element('input', {
      class: 'session-rename',
      type: 'text',
      maxlength: maxTitle,
      'aria-label': strings.sessionTitle,
    });
    input.value = this.#session.title;
    input.addEventListener('keydown', (event) => {
      if (event.key === 'Enter' && !event.isComposing && input.value.trim() !== '') {
        event.preventDefault();
        this.#actions.rename(this.#session.id, input.value.trim());
        this.#backTo(1);
      } else if (event.key === 'Escape') {
        // It would close the whole list.
        event.preventDefault();
        event.stopPropagation();
        this.#backTo(1);
      }
    });
    this.element.replaceChildren(input);
    input.focus();
    input.select();
  }

  #showConfirm(): void {
    const confirm = button({
      label: strings.confirmDelete,
      description: `${strings.confirmDelete}: ${this.#title}`,
      className: 'danger',
      onClick: () => this.#actions.delete(this.#session.id),
    });
    const keep = button({ label: strings.keepSession, className: 'secondary', onClick: () => this.#backTo(2) });
    this.element.replaceChildren(element('span', { class: 'session-title' }, this.#title), confirm, keep);
    keep.focus();
  }

  /** Shows the row as it was, with the focus on the button that led away from it. */
  #backTo(index: number): void {
    this.#showUsual();
    this.element.querySelectorAll('button')[index]?.focus();
  }
}

/** What opens a session: its title, what `between` tells of it, how long it is and when it was used last. */
export function sessionButton(
  session: SessionSummary,
  isCurrent: boolean,
  between: readonly Node[],
  onClick: () => void,
): HTMLButtonElement {
  const age = strings.sessionDetail(session.exchanges, formatAge(session.updatedAt, Date.now()));
  const made = element(
    'button',
    { type: 'button', class: 'session-open', 'aria-current': isCurrent ? 'true' : null },
    element('span', { class: 'session-title' }, session.title || strings.untitledSession),
    ...between,
    element('span', { class: 'session-detail' }, isCurrent ? `${age}, ${strings.currentSession}` : age),
  );
  made.addEventListener('click', onClick);
  return made;
}
