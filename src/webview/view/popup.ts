import { element } from '../dom.ts';

/** Pixels that stay free between a popup and the edges of the page. */
const margin = 4;

/**
 * Something that lies over the page beside what it belongs to, wherever that scrolls: it is in the browser's top layer. It
 * has the keyboard while it is open; Escape closes it and gives the focus back, and so does whatever takes the focus away.
 */
export class Popup {
  readonly element = element('div', { class: 'popup', popover: 'manual', tabindex: -1 });
  #anchor: Element | null = null;
  #returnTo: HTMLElement | null = null;

  constructor() {
    this.element.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') {
        event.preventDefault();
        event.stopPropagation();
        this.close();
      }
    });
    this.element.addEventListener('focusout', ({ relatedTarget }) => {
      if (!(relatedTarget instanceof Node && this.element.contains(relatedTarget))) {
        this.#hide();
      }
    });
    window.addEventListener('resize', () => this.#hide());
    const onScroll = ({ target }: Event): void => {
      if (target instanceof Node && this.#anchor !== null && target.contains(this.#anchor)) {
        this.#hide();
      }
    };
    document.addEventListener('scroll', onScroll, { capture: true, passive: true });
  }

  get isOpen(): boolean {
    return this.#anchor !== null;
  }

  /** Opens beside `anchor`, whose `aria-expanded` tells of it; `returnTo` gets the focus back. The caller gives the focus. */
  open(anchor: Element, returnTo: HTMLElement, content: readonly Node[]): void {
    this.#hide();
    this.#anchor = anchor;
    this.#returnTo = returnTo;
    this.#tell(true);
    this.element.replaceChildren(...content);
    this.element.showPopover();
    this.#place(anchor.getBoundingClientRect());
  }

  /** Closes and gives the focus back. */
  close(): void {
    const returnTo = this.#returnTo;
    this.#hide();
    returnTo?.focus();
  }

  /** Below the anchor, or above it where there is more room, and inside the page. */
  #place(anchor: DOMRect): void {
    // It is as wide as its content, wherever it stood before.
    this.element.style.left = '0';
    const { width, height } = this.element.getBoundingClientRect();
    const below = anchor.bottom + margin;
    const above = anchor.top - margin - height;
    const fitsBelow = below + height <= window.innerHeight - margin;
    const top = fitsBelow || above < margin ? Math.min(below, window.innerHeight - margin - height) : above;
    const left = Math.min(anchor.left, window.innerWidth - margin - width);
    this.element.style.top = `${Math.max(margin, top)}px`;
    this.element.style.left = `${Math.max(margin, left)}px`;
  }

  #hide(): void {
    if (this.#anchor !== null) {
      this.#tell(false);
      this.#anchor = null;
      this.#returnTo = null;
      this.element.hidePopover();
      // It may be about something that is now forgotten.
      this.element.replaceChildren();
    }
  }

  #tell(expanded: boolean): void {
    if (this.#anchor?.hasAttribute('aria-haspopup')) {
      this.#anchor.setAttribute('aria-expanded', String(expanded));
    }
  }
}
