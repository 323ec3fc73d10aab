import { element } from '../dom.ts';
import { strings } from '../strings.ts';
import type { SequenceState } from '../../protocol/memory.ts';

/** In the order in which a sequence usually passes through them. */
const states: readonly SequenceState[] = ['live', 'anchored', 'spilled', 'rehydrated'];

/** What the forms, colours and marks of the anchor map's tiles mean. */
export function anchorLegend(): HTMLElement {
  return element(
    'ul',
    { class: 'legend' },
    ...states.map((state) => entry(`tile-${state}`, strings.states[state])),
    entry('tile-anchored pinned', strings.marks.pinned),
    entry('tile-anchored wanted', strings.marks.wanted),
  );
}

function entry(className: string, meaning: string): HTMLElement {
  return element('li', {}, element('span', { class: `tile ${className}` }), meaning);
}
