import { element, setText, setVisible } from '../dom.ts';
import { strings } from '../strings.ts';
import type { SequenceView } from '../../protocol/memory.ts';

/** How long a sequence must be looked at before its text is asked for, in milliseconds. */
const dwell = 200;
/** How long the tip stays when the pointer leaves: as long as it takes to the tip itself, whose text scrolls. */
const linger = 200;
/** Pixels between the tip and the strip of tiles. */
const gap = 3;

export interface SequenceTexts {
  /** Asks the host for a sequence's text. */
  ask(sequenceId: string): void;
}

/** What a tile is about: label, state, tokens and rows, and the text itself, which is asked for once. Drawn over the page. */
export class SequenceTip {
  readonly element: HTMLElement;
  readonly #title = element('p', { class: 'tip-title' });
  readonly #facts = element('p', { class: 'tip-facts' });
  readonly #text = element('div', { class: 'tip-text', role: 'region', tabindex: -1 });
  readonly #texts = new Map<string, string | null>();
  readonly #below: HTMLElement;
  readonly #host: SequenceTexts;
  #shown: SequenceView | null = null;
  #dwelling: number | undefined;
  #leaving: number | undefined;

  /** `below` is the strip of tiles, which gets the focus back from the text. */
  constructor(below: HTMLElement, host: SequenceTexts) {
    this.#below = below;
    this.#host = host;
    // Each tile has the words as its name, and the text is reached through its menu.
    this.#title.ariaHidden = 'true';
    this.#facts.ariaHidden = 'true';
    this.element = element('div', { class: 'tip', popover: 'manual' }, this.#title, this.#facts, this.#text);
    this.element.addEventListener('pointerenter', () => clearTimeout(this.#leaving));
    this.element.addEventListener('pointerleave', () => this.leave());
    this.#text.addEventListener('blur', () => this.hide());
    this.#text.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') {
        event.preventDefault();
        event.stopPropagation();
        below.focus();
      }
    });
  }

  show(view: SequenceView): void {
    clearTimeout(this.#leaving);
    const isOther = view.id !== this.#shown?.id;
    this.#shown = view;
    setText(this.#title, strings.tileTitle(view));
    setText(this.#facts, strings.tileFacts(view));
    if (isOther) {
      this.#text.ariaLabel = strings.sequenceText(view.label);
      clearTimeout(this.#dwelling);
      this.#showText();
      if (view.kind !== 'prefix' && !this.#texts.has(view.id)) {
        this.#dwelling = setTimeout(() => this.#host.ask(view.id), dwell);
      }
    }
    this.#place();
  }

  /** Shows what has changed of the sequence that is shown, if it is this one. */
  refresh(view: SequenceView): void {
    if (view.id === this.#shown?.id) {
      this.show(view);
    }
  }

  /** Shows a sequence and gives its text the keyboard, which scrolls it. */
  read(view: SequenceView): void {
    this.show(view);
    this.#text.focus();
  }

  /** The pointer has left the tile; the tip goes unless the pointer comes to it. */
  leave(): void {
    clearTimeout(this.#leaving);
    this.#leaving = setTimeout(() => {
      if (document.activeElement !== this.#text) {
        this.hide();
      }
    }, linger);
  }

  hide(): void {
    clearTimeout(this.#leaving);
    clearTimeout(this.#dwelling);
    if (this.#shown !== null) {
      this.#shown = null;
      this.element.hidePopover();
      // What is forgotten is to leave nothing on the page.
      for (const part of [this.#title, this.#facts, this.#text]) {
        part.textContent = '';
      }
    }
  }

  /** Takes a text that was asked for, null where there is none. */
  receive(sequenceId: string, text: string | null): void {
    this.#texts.set(sequenceId, text);
    if (this.#shown?.id === sequenceId) {
      this.#showText();
      this.#place();
    }
  }

  /** Forgets the texts of sequences that are gone, and those that could not be had: they are asked for again. */
  keep(ids: ReadonlySet<string>): void {
    for (const [id, text] of this.#texts) {
      if (!ids.has(id) || text === null) {
        this.#texts.delete(id);
      }
    }
    if (this.#shown !== null && !ids.has(this.#shown.id)) {
      this.hide();
    }
  }

  #showText(): void {
    const id = this.#shown?.id ?? '';
    const text = this.#texts.get(id);
    setVisible(this.#text, this.#shown?.kind !== 'prefix');
    this.#text.classList.toggle('tip-pending', typeof text !== 'string');
    setText(this.#text, text === undefined ? strings.loadingText : (text ?? strings.noText));
    this.#text.scrollTop = 0;
  }

  #place(): void {
    const { left, top, width } = this.#below.getBoundingClientRect();
    this.element.style.left = `${left}px`;
    this.element.style.width = `${width}px`;
    this.element.style.bottom = `${window.innerHeight - top + gap}px`;
    this.element.style.maxHeight = `${top - 2 * gap}px`;
    if (!this.element.matches(':popover-open')) {
      this.element.showPopover();
    }
  }
}
