import { element, type Child } from '../dom.ts';
import { strings } from '../strings.ts';
import type { Rehydration, RehydrationReason } from '../../protocol/memory.ts';

/** What was read again for an answer and why: a line, which folds out where there are several. Null where nothing was. */
export function rereadLine(rehydrated: readonly Rehydration[]): HTMLElement | null {
  const [first] = rehydrated;
  if (first === undefined) {
    return null;
  }
  if (rehydrated.length === 1) {
    return element(
      'p',
      { class: 'reread' },
      element('span', { class: 'reread-lead' }, strings.reread),
      ...entry(first),
    );
  }
  const items = rehydrated.map((one) => element('li', {}, ...entry(one)));
  const summary = element(
    'summary',
    {},
    element('span', { class: 'reread-lead' }, strings.reread),
    element(
      'span',
      { class: 'reread-short' },
      element('span', { class: 'reread-label' }, first.label),
      element('span', { class: 'reread-more' }, strings.rereadMore(rehydrated.length - 1)),
    ),
  );
  return element('details', { class: 'reread' }, summary, element('ul', {}, ...items));
}

function entry({ label, tokens, why }: Rehydration): readonly Child[] {
  return [
    element('span', { class: 'reread-label', title: `${label} · ${strings.tokens(tokens)}` }, label),
    ' (',
    ...reason(why),
    ')',
  ];
}

function reason(why: RehydrationReason): readonly Child[] {
  if (why.kind !== 'words') {
    return [strings.rereadWhy[why.kind]];
  }
  const words = why.words.flatMap((word, index) => [
    index === 0 ? '' : ', ',
    isIdentifier(word) ? element('code', {}, word) : word,
  ]);
  return [strings.rereadShares, ...words];
}

/** Whether a word is a name in code and not one of prose: `parseConfig`, `max_size`, `v2`, `a.b`. */
function isIdentifier(word: string): boolean {
  return /[_$.:/\d]|\p{Ll}\p{Lu}/u.test(word);
}
