import { button, setAttributes } from '../dom.ts';
import { Popup } from './popup.ts';

export interface MenuItem {
  readonly label: string;
  /** Why it cannot be chosen now; null or left out where it can. */
  readonly refusal?: string | null;
  readonly onClick: () => void;
}

/** A menu over the page: arrow keys walk it, Escape or a click elsewhere closes it. */
export class PopupMenu {
  readonly #popup = new Popup();
  readonly #refused: (reason: string) => void;

  /** `refused` is told the reason when an item is chosen that cannot be. */
  constructor(refused: (reason: string) => void = () => undefined) {
    this.#refused = refused;
    setAttributes(this.element, { role: 'menu' });
    this.element.addEventListener('keydown', (event) => this.#onKey(event));
  }

  get element(): HTMLElement {
    return this.#popup.element;
  }

  get isOpen(): boolean {
    return this.#popup.isOpen;
  }

  open(anchor: Element, returnTo: HTMLElement, label: string, items: readonly MenuItem[]): void {
    setAttributes(this.element, { 'aria-label': label });
    this.#popup.open(
      anchor,
      returnTo,
      items.map((item) => this.#itemButton(item)),
    );
    this.#focusItem(0);
  }

  close(): void {
    this.#popup.close();
  }

  #itemButton({ label, refusal = null, onClick }: MenuItem): HTMLButtonElement {
    const made = button({
      label,
      className: 'menu-item',
      onClick: () => {
        if (refusal !== null) {
          this.#refused(refusal);
          return;
        }
        this.close();
        onClick();
      },
    });
    setAttributes(made, {
      role: 'menuitem',
      tabindex: -1,
      'aria-disabled': refusal !== null && 'true',
      title: refusal,
    });
    return made;
  }

  #onKey(event: KeyboardEvent): void {
    const items = this.#items();
    const current = items.findIndex((item) => item === document.activeElement);
    const target = { ArrowDown: current + 1, ArrowUp: current - 1, Home: 0, End: items.length - 1 }[event.key];
    if (target !== undefined) {
      event.preventDefault();
      this.#focusItem((target + items.length) % items.length);
    }
  }

  #focusItem(index: number): void {
    this.#items()[index]?.focus();
  }

  #items(): HTMLButtonElement[] {
    return [...this.element.querySelectorAll('button')];
  }
}
