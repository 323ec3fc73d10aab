import { button, element } from '../dom.ts';
import { strings } from '../strings.ts';

/** What a new session shows: what this is, and questions that are asked by a click. */
export function emptyState(ask: (question: string) => void): HTMLElement {
  const suggestions = strings.suggestions.map((question) =>
    element('li', {}, button({ label: question, className: 'suggestion', onClick: () => ask(question) })),
  );
  const content = element(
    'div',
    { class: 'empty-content' },
    element('h2', {}, strings.emptyTitle),
    element('p', {}, strings.emptyText),
    element('p', { class: 'empty-hint' }, strings.emptyHint),
    element('ul', { class: 'suggestions' }, ...suggestions),
    element('p', { class: 'empty-keys' }, strings.keys),
  );
  return element('section', { class: 'empty' }, content);
}
