import { element, setAttributes, setText, setVisible } from '../dom.ts';
import { formatBytes } from '../format.ts';
import { icon } from '../icons.ts';
import { strings } from '../strings.ts';
import { anchorLegend } from './anchorLegend.ts';
import { AnchorMap } from './anchorMap.ts';
import type { SequenceMenuActions } from './sequenceMenu.ts';
import type { SequenceTexts } from './sequenceTip.ts';
import type { MemoryView, SequenceState } from '../../protocol/memory.ts';

type Held = Omit<MemoryView, 'sessionId'>;

const nothing: Held = {
  textTokens: 0,
  kvRows: 0,
  kvRowsFull: 0,
  kvBytes: 0,
  kvBytesFull: 0,
  budgetUsed: 0,
  budget: 0,
  budgetLargest: 0,
  sequences: [],
};

/** The share of the budget from which on it is shown without being asked for: past it, sequences go to the disk. */
const notableBudget = 0.8;

/**
 * What the session holds: tokens of text, rows of keys and values, and their bytes as a bar against full caching of the same
 * text. A second line tells what is not held as it was, and how near the budget of all sessions is; it is there when there
 * is something to tell. The bar's button opens the details; the anchor map stands below.
 */
export class Meter {
  readonly element: HTMLElement;
  readonly #fill = element('div', { class: 'meter-fill' });
  readonly #bar = element('div', { class: 'meter-bar', role: 'meter', 'aria-valuemin': 0 }, this.#fill);
  readonly #tokens = element('span', {});
  readonly #bytes = element('span', {});
  readonly #states = element('span', {});
  readonly #budget = element('span', {});
  readonly #more = element('span', { class: 'meter-numbers' }, this.#states, this.#budget);
  readonly #button = element('button', { type: 'button', class: 'meter-button' });
  readonly #numbers = element('dl', { class: 'meter-table' });
  readonly #detail = element('div', { class: 'meter-detail', id: 'meter-detail' }, this.#numbers, anchorLegend());
  readonly #map: AnchorMap;

  constructor(actions: SequenceMenuActions & SequenceTexts) {
    this.#map = new AnchorMap(actions);
    setAttributes(this.#bar, { 'aria-label': strings.memory });
    setAttributes(this.#button, { 'aria-controls': 'meter-detail' });
    const numbers = element('span', { class: 'meter-numbers' }, this.#tokens, this.#bytes);
    this.#button.append(element('span', { class: 'meter-lines' }, numbers, this.#more), icon('chevron'));
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
    const held = memory ?? nothing;
    const { textTokens, kvRows, kvBytes, kvBytesFull } = held;
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
    this.#updateMore(held);
    this.#numbers.replaceChildren(...detailRows(held));
    this.#map.update(held.sequences);
  }

  /** Takes the text of a sequence that was asked for. */
  receiveText(sequenceId: string, text: string | null): void {
    this.#map.receiveText(sequenceId, text);
  }

  #updateMore(held: Held): void {
    const { budgetUsed, budget } = held;
    const states = strings.memoryStates(count(held, 'spilled'), count(held, 'rehydrated'));
    const isNear = budget > 0 && budgetUsed >= budget * notableBudget;
    setText(this.#states, states);
    setText(this.#budget, budget > 0 ? strings.memoryBudget(budgetUsed / budget) : '');
    setAttributes(this.#budget, { title: strings.memoryBudgetSpoken(budgetUsed, budget) });
    setVisible(this.#more, states !== '' || isNear);
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

function count({ sequences }: Held, state: SequenceState): number {
  return sequences.filter((sequence) => sequence.state === state).length;
}

function detailRows(held: Held): readonly HTMLElement[] {
  const words = strings.memoryDetail;
  const { textTokens, kvRows, kvRowsFull, kvBytes, kvBytesFull, budgetUsed, budget, sequences } = held;
  const inState = (state: SequenceState): string => words.sequencesOf(count(held, state), sequences.length);
  const rows: readonly (readonly [string, string])[] = [
    [words.text, words.tokens(textTokens)],
    [words.rows, words.rowsOf(kvRows, kvRowsFull)],
    [words.bytes, formatBytes(kvBytes)],
    [words.full, formatBytes(kvBytesFull)],
    [words.factor, kvBytes === 0 ? words.nothing : words.factorValue(kvBytesFull / kvBytes)],
    [words.spilled, inState('spilled')],
    [words.rehydrated, inState('rehydrated')],
    ...(budget === 0 ? [] : [[words.budget, strings.memoryBytes(budgetUsed, budget)] as const]),
  ];
  return rows.flatMap(([term, value]) => [element('dt', {}, term), element('dd', {}, value)]);
}
