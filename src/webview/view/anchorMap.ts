import { element, setAttributes, setText, setVisible } from '../dom.ts';
import { strings } from '../strings.ts';
import type { SequenceState, SequenceView } from '../../protocol/memory.ts';

/** In the order in which a sequence usually passes through them. */
const sequenceStates: readonly SequenceState[] = ['live', 'anchored', 'spilled', 'rehydrated'];

/**
 * Every sequence of the session as a tile whose colour and form tell its state. One stop of the Tab key; arrow keys walk the
 * tiles, and the tile under the pointer or the focus is described above the strip.
 */
export class AnchorMap {
  readonly element: HTMLElement;
  readonly #list = element('ul', { class: 'tiles', role: 'listbox', 'aria-orientation': 'horizontal', tabindex: 0 });
  // Each tile carries the same words as its name: the tip is for the eye.
  readonly #tip = element('div', { class: 'tip', 'aria-hidden': 'true' });
  readonly #tiles = new Map<string, HTMLElement>();
  #active: HTMLElement | null = null;

  constructor() {
    setAttributes(this.#list, { 'aria-label': strings.anchorMap });
    this.element = element('div', { class: 'anchor-map' }, this.#tip, this.#list);
    this.#showTip(null);
    this.#list.addEventListener('keydown', (event) => this.#onKey(event));
    this.#list.addEventListener('focus', () => this.#activate(this.#active ?? this.#last()));
    this.#list.addEventListener('blur', () => this.#showTip(null));
    this.#list.addEventListener('pointerover', (event) => this.#showTip(tileOf(event.target)));
    this.#list.addEventListener('pointerleave', () => this.#showTip(this.#focused()));
  }

  update(sequences: readonly SequenceView[]): void {
    setVisible(this.element, sequences.length > 0);
    const kept = new Set(sequences.map((sequence) => sequence.id));
    for (const [id, tile] of this.#tiles) {
      if (!kept.has(id)) {
        this.#remove(id, tile);
      }
    }
    const before = this.#list.childElementCount;
    for (const [index, sequence] of sequences.entries()) {
      const tile = this.#tileFor(sequence.id);
      setAttributes(tile, {
        class: `tile tile-${sequence.state} tile-${sequence.kind}`,
        'aria-label': strings.tile(sequence),
      });
      if (this.#list.children[index] !== tile) {
        this.#list.insertBefore(tile, this.#list.children[index] ?? null);
      }
    }
    if (this.#list.childElementCount > before) {
      this.#list.scrollTop = this.#list.scrollHeight;
    }
  }

  #tileFor(id: string): HTMLElement {
    const existing = this.#tiles.get(id);
    if (existing) {
      return existing;
    }
    const tile = element('li', { id: `tile-${id}`, role: 'option', 'aria-selected': 'false' });
    this.#tiles.set(id, tile);
    return tile;
  }

  #remove(id: string, tile: HTMLElement): void {
    this.#tiles.delete(id);
    tile.remove();
    if (this.#active === tile) {
      this.#active = null;
      this.#showTip(null);
    }
  }

  #onKey(event: KeyboardEvent): void {
    const tiles = [...this.#tiles.values()].sort(documentOrder);
    const current = this.#active ? tiles.indexOf(this.#active) : tiles.length - 1;
    const target = { ArrowRight: current + 1, ArrowLeft: current - 1, Home: 0, End: tiles.length - 1 }[event.key];
    if (target !== undefined) {
      event.preventDefault();
      this.#activate(tiles[Math.min(Math.max(target, 0), tiles.length - 1)] ?? null);
    }
  }

  #activate(tile: HTMLElement | null): void {
    this.#active?.setAttribute('aria-selected', 'false');
    this.#active = tile;
    tile?.setAttribute('aria-selected', 'true');
    tile?.scrollIntoView({ block: 'nearest' });
    setAttributes(this.#list, { 'aria-activedescendant': tile?.id ?? null });
    this.#showTip(tile);
  }

  #focused(): HTMLElement | null {
    return document.activeElement === this.#list ? this.#active : null;
  }

  #last(): HTMLElement | null {
    return tileOf(this.#list.lastElementChild);
  }

  #showTip(tile: HTMLElement | null): void {
    setText(this.#tip, tile?.getAttribute('aria-label') ?? '');
    setVisible(this.#tip, tile !== null);
  }
}

/** What the forms and colours of the tiles mean. */
export function anchorLegend(): HTMLElement {
  const entries = sequenceStates.map((state) =>
    element('li', {}, element('span', { class: `tile tile-${state}` }), strings.states[state]),
  );
  return element('ul', { class: 'legend' }, ...entries);
}

function tileOf(target: EventTarget | null): HTMLElement | null {
  return target instanceof HTMLElement && target.classList.contains('tile') ? target : null;
}

function documentOrder(a: Node, b: Node): number {
  return a.compareDocumentPosition(b) & Node.DOCUMENT_POSITION_FOLLOWING ? -1 : 1;
}
