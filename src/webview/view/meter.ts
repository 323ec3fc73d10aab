import { element, setAttributes, setText, setVisible } from '../dom.ts';
import { formatBytes } from '../format.ts';
import { icon } from '../icons.ts';
import { strings } from '../strings.ts';
import { AnchorMap, anchorLegend } from './anchorMap.ts';
import type { MemoryView } from '../../protocol/memory.ts';

type Totals = Omit<MemoryView, 'sessionId' | 'sequences'>;

const nothing: Totals = { textTokens: 0, kvRows: 0, kvRowsFull: 0, kvBytes: 0, kvBytesFull: 0 };

/**
 * What the session holds: tokens of text, rows of keys and values, and their bytes as a bar against full caching of the same
 * text. The bar's button opens the details; the anchor map stands below.
 */
export class Meter {
  readonly element: HTMLElement;
  readonly #fill = element('div', { class: 'meter-fill' });
  readonly #bar = element('div', { class: 'meter-bar', role: 'meter', 'aria-valuemin': 0 }, this.#fill);
  readonly #tokens = element('span', {});
  readonly #bytes = element('span', {});
  readonly #button = element('button', { type: 'button', class: 'meter-button' });
  readonly #numbers = element('dl', { class: 'meter-table' });
  readonly #detail = element('div', { class: 'meter-detail', id: 'meter-detail' }, this.#numbers, anchorLegend());
  readonly #map = new AnchorMap();

  constructor() {
    setAttributes(this.#bar, { 'aria-label': strings.memory });
    setAttributes(this.#button, { 'aria-controls': 'meter-detail' });
    this.#button.append(element('span', { class: 'meter-numbers' }, this.#tokens, this.#bytes), icon('chevron'));
    this.#button.addEventListener('click', () => this.#setOpen(this.#detail.hidden !== false));
    this.element = element(
      'section',
      { class: 'meter', 'aria-label': strings.memory },
      this.#bar,
      this.#button,
      this.#detail,
      this.#map.element,
    );
    this.#setOpen(false);
    this.update(null);
  }

  update(memory: MemoryView | null): void {
    const totals = memory ?? nothing;
    const { textTokens, kvRows, kvBytes, kvBytesFull } = totals;
    const spoken = strings.memorySpoken(textTokens, kvRows, kvBytes, kvBytesFull);
    setText(this.#tokens, strings.memoryTokens(textTokens, kvRows));
    setText(this.#bytes, strings.memoryBytes(kvBytes, kvBytesFull));
    setAttributes(this.#bar, {
      'aria-valuemax': Math.max(kvBytes, kvBytesFull, 1),
      'aria-valuenow': kvBytes,
      'aria-valuetext': spoken,
    });
    setAttributes(this.#button, { title: spoken });
    this.#fill.style.width = `${percentOf(kvBytes, kvBytesFull)}%`;
    this.#numbers.replaceChildren(...detailRows(totals));
    this.#map.update(memory?.sequences ?? []);
  }

  #setOpen(open: boolean): void {
    setVisible(this.#detail, open);
    this.#button.setAttribute('aria-expanded', String(open));
  }
}

/** The bar's length; anything held at all can be seen. */
function percentOf(bytes: number, full: number): number {
  return bytes === 0 ? 0 : Math.min(100, Math.max(1, (bytes / Math.max(full, 1)) * 100));
}

function detailRows({ textTokens, kvRows, kvRowsFull, kvBytes, kvBytesFull }: Totals): readonly HTMLElement[] {
  const words = strings.memoryDetail;
  const rows: readonly (readonly [string, string])[] = [
    [words.text, words.tokens(textTokens)],
    [words.rows, words.rowsOf(kvRows, kvRowsFull)],
    [words.bytes, formatBytes(kvBytes)],
    [words.full, formatBytes(kvBytesFull)],
    [words.factor, kvBytes === 0 ? words.nothing : words.factorValue(kvBytesFull / kvBytes)],
  ];
  return rows.flatMap(([term, value]) => [element('dt', {}, term), element('dd', {}, value)]);
}
