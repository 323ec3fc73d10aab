import { button, element, setVisible } from '../dom.ts';

export interface MenuItem {
  readonly label: string;
  readonly onClick: () => void;
}

/** A button that opens a menu above itself: arrow keys walk it, Escape or a click elsewhere closes it. */
export class Menu {
  readonly element: HTMLElement;
  readonly #list = element('div', { class: 'menu', role: 'menu', hidden: true });
  readonly #button: HTMLButtonElement;

  constructor(label: string, icon: SVGElement, items: readonly MenuItem[]) {
    this.#button = button({ label, icon, className: 'icon-button', onClick: () => this.#toggle() });
    this.#button.setAttribute('aria-haspopup', 'menu');
    this.#list.setAttribute('aria-label', label);
    this.#list.append(...items.map((item) => this.#itemButton(item)));
    this.element = element('div', { class: 'menu-holder' }, this.#button, this.#list);
    this.#setOpen(false);
    this.element.addEventListener('keydown', (event) => this.#onKey(event));
    this.element.addEventListener('focusout', (event) => {
      if (!(event.relatedTarget instanceof Node && this.element.contains(event.relatedTarget))) {
        this.#setOpen(false);
      }
    });
  }

  #itemButton(item: MenuItem): HTMLButtonElement {
    const made = button({
      label: item.label,
      className: 'menu-item',
      onClick: () => {
        this.#close();
        item.onClick();
      },
    });
    made.setAttribute('role', 'menuitem');
    made.tabIndex = -1;
    return made;
  }

  #toggle(): void {
    const open = this.#list.hidden !== false;
    this.#setOpen(open);
    if (open) {
      this.#focusItem(0);
    }
  }

  #close(): void {
    this.#setOpen(false);
    this.#button.focus();
  }

  #setOpen(open: boolean): void {
    setVisible(this.#list, open);
    this.#button.setAttribute('aria-expanded', String(open));
  }

  #onKey(event: KeyboardEvent): void {
    if (this.#list.hidden) {
      return;
    }
    const items = this.#items();
    const current = items.findIndex((item) => item === document.activeElement);
    const target = { ArrowDown: current + 1, ArrowUp: current - 1, Home: 0, End: items.length - 1 }[event.key];
    if (target !== undefined) {
      event.preventDefault();
      this.#focusItem((target + items.length) % items.length);
    } else if (event.key === 'Escape') {
      event.preventDefault();
      event.stopPropagation();
      this.#close();
    }
  }

  #focusItem(index: number): void {
    this.#items()[index]?.focus();
  }

  #items(): HTMLButtonElement[] {
    return [...this.#list.querySelectorAll('button')];
  }
}
