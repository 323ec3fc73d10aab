import { element } from '../dom.ts';

/** Says things to screen readers, politely: finished answers and the outcome of buttons, never single tokens. */
export class Announcer {
  readonly element = element('div', { class: 'visually-hidden', role: 'status', 'aria-live': 'polite' });

  say(text: string): void {
    // A new child is announced even where the text is the same as before.
    this.element.replaceChildren(element('p', {}, text));
  }
}
