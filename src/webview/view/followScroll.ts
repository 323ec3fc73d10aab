/** How near to the end, in pixels, still counts as being there. */
const tolerance = 40;

/**
 * Keeps a growing content's end in view until the user scrolls up, and again once the user is back at the end.
 */
export class FollowScroll {
  readonly #scroller: HTMLElement;
  readonly #onChange: (following: boolean) => void;
  #following = true;
  #lastTop = 0;

  constructor(scroller: HTMLElement, content: HTMLElement, onChange: (following: boolean) => void) {
    this.#scroller = scroller;
    this.#onChange = onChange;
    scroller.addEventListener('scroll', () => this.#scrolled(), { passive: true });
    const observer = new ResizeObserver(() => this.#resized());
    observer.observe(content);
    observer.observe(scroller);
  }

  /** Goes to the end and follows it. */
  follow(): void {
    this.#set(true);
    this.#toEnd();
  }

  /** Follows the end no more: something else is to be in view, unless that turns out to be the end. */
  leave(): void {
    this.#set(false);
    requestAnimationFrame(() => this.#scrolled());
  }

  #scrolled(): void {
    const { scrollTop, scrollHeight, clientHeight } = this.#scroller;
    if (scrollHeight - scrollTop - clientHeight <= tolerance) {
      this.#set(true);
    } else if (scrollTop < this.#lastTop) {
      this.#set(false);
    }
    this.#lastTop = scrollTop;
  }

  #resized(): void {
    if (this.#following) {
      this.#toEnd();
    }
  }

  #toEnd(): void {
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.#lastTop = this.#scroller.scrollTop;
  }

  #set(following: boolean): void {
    if (this.#following !== following) {
      this.#following = following;
      this.#onChange(following);
    }
  }
}
