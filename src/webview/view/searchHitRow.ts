import { element } from '../dom.ts';
import { sessionButton } from './sessionRow.ts';
import type { SearchHit } from '../../protocol/worker.ts';

/** A session that a search found, with the text round the words; opened at the exchange that has them. */
export function searchHitRow(
  { session, exchangeId, excerpt }: SearchHit,
  isCurrent: boolean,
  open: (sessionId: string, exchangeId: string | null) => void,
): HTMLElement {
  const parts = excerpt.map(({ text, isMatch }) => (isMatch ? element('mark', {}, text) : text));
  // What was found in the title is there already.
  const between = exchangeId === null ? [] : [element('span', { class: 'session-excerpt' }, ...parts)];
  const made = sessionButton(session, isCurrent, between, () => open(session.id, exchangeId));
  if (exchangeId === null) {
    made.querySelector('.session-title')?.replaceChildren(...parts);
  }
  return element('li', { class: 'session' }, made);
}
