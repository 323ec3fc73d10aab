import { element } from '../dom.ts';
import { strings } from '../strings.ts';
import { ForgetDialog } from './forgetDialog.ts';
import { type MenuItem, PopupMenu } from './popupMenu.ts';
import type { SequenceView } from '../../protocol/memory.ts';
import type { SequenceAction } from '../../protocol/worker.ts';

export interface SequenceMenuActions {
  act(sequenceId: string, action: SequenceAction): void;
  /** Scrolls to the exchange that a sequence belongs to; null where none is shown. */
  goTo(sequenceId: string): (() => void) | null;
  /** Why nothing can be forgotten now; null where it can. */
  forgetRefusal(): string | null;
  /** Tells a screen reader what came of it, or why nothing can. */
  say(text: string): void;
}

/** What the anchor map does when something is chosen. */
export interface SequenceMenuMap {
  /** Shows the sequence's whole text. */
  showText(): void;
  /** The sequence is being forgotten. */
  forgotten(): void;
}

/** What the user can do with a sequence. Forgetting is asked twice. */
export class SequenceMenu {
  readonly element: HTMLElement;
  readonly #menu: PopupMenu;
  readonly #forget = new ForgetDialog();
  readonly #actions: SequenceMenuActions;
  #opened: string | null = null;

  constructor(actions: SequenceMenuActions) {
    this.#actions = actions;
    this.#menu = new PopupMenu((reason) => actions.say(reason));
    this.element = element('div', {}, this.#menu.element, this.#forget.element);
  }

  /** The sequence that the menu, or the question after it, is about; null while neither is open. */
  get openedFor(): string | null {
    return this.#menu.isOpen || this.#forget.isOpen ? this.#opened : null;
  }

  open(tile: Element, returnTo: HTMLElement, view: SequenceView, map: SequenceMenuMap): void {
    this.#opened = view.id;
    this.#menu.open(tile, returnTo, strings.tileTitle(view), this.#items(tile, returnTo, view, map));
  }

  close(): void {
    this.#menu.close();
    this.#forget.close();
  }

  #items(tile: Element, returnTo: HTMLElement, view: SequenceView, map: SequenceMenuMap): readonly MenuItem[] {
    const words = strings.sequenceMenu;
    const { id, pinned, isWanted } = view;
    const act = (label: string, action: SequenceAction): MenuItem => ({
      label,
      onClick: () => this.#actions.act(id, action),
    });
    const goTo = this.#actions.goTo(id);
    return [
      { label: words.showText, onClick: () => map.showText() },
      ...(goTo === null ? [] : [{ label: words.goTo, onClick: goTo }]),
      pinned ? act(words.unpin, 'unpin') : act(words.pin, 'pin'),
      isWanted ? act(words.doNotReadAgain, 'doNotReadAgain') : act(words.readAgain, 'readAgain'),
      {
        label: words.forget,
        refusal: this.#actions.forgetRefusal(),
        onClick: () => {
          this.#opened = id;
          this.#forget.open(tile, returnTo, view, () => {
            this.#actions.act(id, 'forget');
            map.forgotten();
          });
        },
      },
    ];
  }
}
