import { element, setAttributes, setVisible } from '../dom.ts';
import { strings } from '../strings.ts';
import { SequenceMenu, type SequenceMenuActions } from './sequenceMenu.ts';
import { SequenceTip, type SequenceTexts } from './sequenceTip.ts';
import type { SequenceView } from '../../protocol/memory.ts';

/** A tile, and the sequence that it shows. */
interface Tile {
  readonly element: HTMLElement;
  readonly view: SequenceView;
  /** Changes whenever the view does: a tile that stayed the same costs nothing, of which there may be thousands. */
  readonly key: string;
}

/**
 * Every sequence of the session as a tile whose colour and form tell its state. One stop of the Tab key; arrow keys walk the
 * tiles, the tile under the pointer or the focus is described above the strip, and a click or Enter opens its menu.
 */
export class AnchorMap {
  readonly element: HTMLElement;
  readonly #list = element('ul', { class: 'tiles', role: 'listbox', 'aria-orientation': 'horizontal', tabindex: 0 });
  readonly #tip: SequenceTip;
  readonly #menu: SequenceMenu;
  readonly #tiles = new Map<string, Tile>();
  readonly #actions: SequenceMenuActions;
  #active: HTMLElement | null = null;

  constructor(actions: SequenceMenuActions & SequenceTexts) {
    this.#actions = actions;
    this.#tip = new SequenceTip(this.#list, actions);
    this.#menu = new SequenceMenu(actions);
    setAttributes(this.#list, { 'aria-label': strings.anchorMap, 'aria-describedby': 'anchor-map-keys' });
    const keys = element('p', { id: 'anchor-map-keys', class: 'visually-hidden' }, strings.anchorMapKeys);
    this.element = element('div', { class: 'anchor-map' }, this.#list, keys, this.#tip.element, this.#menu.element);
    this.#list.addEventListener('keydown', (event) => this.#onKey(event));
    this.#list.addEventListener('focus', () => this.#activate(this.#active ?? tileOf(this.#list.lastElementChild)));
    this.#list.addEventListener('blur', ({ relatedTarget }) => {
      if (!(relatedTarget instanceof Node && this.#tip.element.contains(relatedTarget))) {
        this.#tip.hide();
      }
    });
    this.#list.addEventListener('pointerover', (event) => this.#hover(tileOf(event.target)));
    this.#list.addEventListener('pointerleave', () => this.#tip.leave());
    // Before the focus comes, which would show another tile.
    this.#list.addEventListener('pointerdown', ({ target }) => (this.#active = this.#moveSelection(tileOf(target))));
    this.#list.addEventListener('click', ({ target }) => this.#open(tileOf(target)));
    this.#list.addEventListener('contextmenu', (event) => {
      event.preventDefault();
      this.#open(tileOf(event.target) ?? this.#active);
    });
  }

  update(sequences: readonly SequenceView[]): void {
    setVisible(this.element, sequences.length > 0);
    const ids = new Set(sequences.map((sequence) => sequence.id));
    for (const [id, tile] of this.#tiles) {
      if (!ids.has(id)) {
        this.#remove(id, tile.element);
      }
    }
    this.#tip.keep(ids);
    const before = this.#list.childElementCount;
    for (const [index, sequence] of sequences.entries()) {
      const tile = this.#draw(sequence);
      if (this.#list.children[index] !== tile) {
        this.#list.insertBefore(tile, this.#list.children[index] ?? null);
      }
    }
    if (this.#list.childElementCount > before) {
      this.#list.scrollTop = this.#list.scrollHeight;
    }
  }

  /** Takes the text of a sequence that was asked for. */
  receiveText(sequenceId: string, text: string | null): void {
    this.#tip.receive(sequenceId, text);
  }

  #draw(view: SequenceView): HTMLElement {
    const before = this.#tiles.get(view.id);
    const key = JSON.stringify(view);
    if (before?.key === key) {
      return before.element;
    }
    const tile = before?.element ?? element('li', { id: `tile-${view.id}`, role: 'option', 'aria-selected': 'false' });
    const marks = `${view.pinned ? ' pinned' : ''}${view.isWanted ? ' wanted' : ''}`;
    setAttributes(tile, {
      class: `tile tile-${view.state} tile-${view.kind}${marks}`,
      'aria-label': `${strings.tileTitle(view)} · ${strings.tileFacts(view)}`,
    });
    this.#tiles.set(view.id, { element: tile, view, key });
    this.#tip.refresh(view);
    if (before && (before.view.pinned !== view.pinned || before.view.isWanted !== view.isWanted)) {
      this.#sayOf(tile, strings.tileFacts(view));
    }
    return tile;
  }

  #remove(id: string, tile: HTMLElement): void {
    if (this.#menu.openedFor === id) {
      this.#menu.close();
    }
    this.#tiles.delete(id);
    this.#sayOf(tile, strings.forgotten);
    if (this.#active === tile) {
      this.#active = this.#moveSelection(tileOf(tile.nextElementSibling ?? tile.previousElementSibling));
    }
    tile.remove();
  }

  #onKey(event: KeyboardEvent): void {
    if (event.key === 'Enter' || event.key === ' ') {
      event.preventDefault();
      this.#open(this.#active);
      return;
    }
    const target = {
      ArrowRight: this.#active?.nextElementSibling,
      ArrowLeft: this.#active?.previousElementSibling,
      Home: this.#list.firstElementChild,
      End: this.#list.lastElementChild,
    }[event.key];
    if (target !== undefined) {
      event.preventDefault();
      this.#activate(tileOf(target) ?? this.#active);
    }
  }

  #open(tile: HTMLElement | null): void {
    const view = this.#viewOf(tile);
    // The instructions are the same for every session: there is nothing to choose.
    if (tile !== null && view !== undefined && view.kind !== 'prefix') {
      this.#activate(tile);
      this.#menu.open(tile, this.#list, view, {
        showText: () => this.#tip.read(this.#viewOf(tile) ?? view),
        // The focus that came back would ask for a text that is about to go.
        forgotten: () => this.#tip.hide(),
      });
      this.#tip.hide();
    }
  }

  /** What the user did with the tile they are on has come about. */
  #sayOf(tile: HTMLElement, text: string): void {
    if (tile === this.#active && document.activeElement === this.#list) {
      this.#actions.say(text);
    }
  }

  #hover(tile: HTMLElement | null): void {
    const view = this.#viewOf(tile);
    if (view !== undefined && this.#menu.openedFor === null) {
      this.#tip.show(view);
    }
  }

  #activate(tile: HTMLElement | null): void {
    this.#active = this.#moveSelection(tile);
    tile?.scrollIntoView({ block: 'nearest' });
    const view = this.#viewOf(tile);
    if (view !== undefined) {
      this.#tip.show(view);
    }
  }

  #moveSelection(tile: HTMLElement | null): HTMLElement | null {
    this.#active?.setAttribute('aria-selected', 'false');
    tile?.setAttribute('aria-selected', 'true');
    setAttributes(this.#list, { 'aria-activedescendant': tile?.id ?? null });
    return tile;
  }

  #viewOf(tile: HTMLElement | null): SequenceView | undefined {
    return tile === null ? undefined : this.#tiles.get(tile.id.slice('tile-'.length))?.view;
  }
}

function tileOf(target: EventTarget | null): HTMLElement | null {
  return target instanceof HTMLElement && target.classList.contains('tile') ? target : null;
}
