/** A run of text that the index takes as one word: SQLite's `unicode61` with `_` as a letter. */
export interface TextToken {
  /** Lower case, without diacritics. */
  readonly folded: string;
  /** `[from, to)` of the text in UTF-16 units. */
  readonly from: number;
  readonly to: number;
}

/** A word of a query: the beginning of a word (of a run of words, for `a.b`), or text that is sought as it stands. */
export type SearchWord =
  { readonly kind: 'prefix'; readonly tokens: readonly string[] } | { readonly kind: 'literal'; readonly text: string };

/** More make a search slower and no better. */
const mostWords = 32;

const tokens = /[\p{L}\p{N}\p{Co}_][\p{L}\p{M}\p{N}\p{Co}_]*/gu;
const upper = '(?:\\p{Lu}\\p{M}*)';
const lower = '(?:\\p{Ll}\\p{M}*)';
/** `parseHTTPBody_2` is parse, HTTP, Body, 2. */
const parts = new RegExp(
  `${upper}+(?!${lower})|${upper}?${lower}+|\\p{N}+|(?:[\\p{Lo}\\p{Lt}\\p{Lm}\\p{Co}]\\p{M}*)+`,
  'gu',
);
/** Scripts without spaces between words, of which `unicode61` makes one word a sentence, and pictures, which it leaves out. */
const unspaced =
  /[\p{Extended_Pictographic}\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}]/u;
/** Digits are Extended_Pictographic's neighbours in keycaps only, but `©` and the like are words to nobody. */
const hasToken = /[\p{L}\p{N}\p{Co}_]/u;
/** Most words: nothing in them is to be taken apart. */
const ascii = /^[\x20-\x7e]*$/;

/** The words of what a user typed. Punctuation alone is no word; nothing in it is syntax. */
export function searchWords(query: string): SearchWord[] {
  const words = new Map<string, SearchWord>();
  for (const typed of query.split(/[\s\p{Cc}]+/u)) {
    const word = wordOf(typed);
    if (word !== undefined) words.set(JSON.stringify(word), word);
  }
  return [...words.values()].slice(0, mostWords);
}

function wordOf(typed: string): SearchWord | undefined {
  if (unspaced.test(typed)) return { kind: 'literal', text: typed.toWellFormed() };
  if (!hasToken.test(typed)) return undefined;
  return { kind: 'prefix', tokens: tokensOf(typed).map(({ folded }) => folded) };
}

export function tokensOf(text: string): TextToken[] {
  return Array.from(text.matchAll(tokens), (match) => tokenAt(match[0], match.index));
}

/** What an identifier consists of, by capitals and underscores; empty where it is one word. */
export function partsOf(text: string, { from, to }: TextToken): TextToken[] {
  const found = Array.from(text.slice(from, to).matchAll(parts), (match) => tokenAt(match[0], from + match.index));
  return found.length > 1 || found[0]?.from !== from ? found : [];
}

/** The parts of all identifiers of a text, each once: what the index holds beside the text. */
export function identifierParts(text: string): string {
  const found = new Set<string>();
  for (const token of tokensOf(text)) for (const { folded } of partsOf(text, token)) found.add(folded);
  return [...found].join(' ');
}

function tokenAt(token: string, from: number): TextToken {
  return { folded: foldedWord(token), from, to: from + token.length };
}

/** A word as the index has it: lower case, without diacritics. */
export function foldedWord(word: string): string {
  if (ascii.test(word)) return word.toLowerCase();
  return word
    .normalize('NFD')
    .replace(/\p{M}+/gu, '')
    .toLowerCase();
}
