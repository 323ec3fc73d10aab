import type { SearchHit, SessionSummary } from '../protocol/worker.ts';
import { partsOf, searchWords, tokensOf } from './searchWords.ts';
import type { SearchWord, TextToken } from './searchWords.ts';
import type { StoredSession } from './sessionStore.ts';

/** A text of a session that is searched as one: its title, an exchange, or a chunk that was attached to one. */
export interface SearchDocument {
  readonly sessionId: string;
  /** Null for the title. */
  readonly exchangeId: string | null;
  readonly text: string;
}

interface Range {
  readonly from: number;
  readonly to: number;
}

/** Characters of an excerpt, and how many of them stand before the first word that was sought. */
const excerptLength = 200;
const leadLength = 60;

export function documentsOf({ id: sessionId, title, exchanges }: StoredSession): SearchDocument[] {
  const documents: SearchDocument[] = [{ sessionId, exchangeId: null, text: title }];
  for (const { id: exchangeId, question, answer, isForgotten, sequences } of exchanges) {
    if (!isForgotten) documents.push({ sessionId, exchangeId, text: `${question}\n${answer}` });
    for (const { text } of sequences) {
      if (text.kind === 'chunk') documents.push({ sessionId, exchangeId, text: `${text.path}\n${text.text}` });
    }
  }
  return documents;
}

/** Searches documents one by one: sessions in memory, and those on disk where SQLite has no FTS5. */
export function searchDocuments(
  documents: Iterable<SearchDocument>,
  query: string,
  limit: number,
  summaryOf: (sessionId: string) => SessionSummary | undefined,
): SearchHit[] {
  const words = searchWords(query);
  if (words.length === 0) return [];
  const found = new Map<string, { words: Set<SearchWord>; best: SearchDocument; score: number }>();
  for (const document of documents) {
    const matching = words.filter((word) => matchesOf(document.text, [word]).length > 0);
    if (matching.length === 0) continue;
    // As bm25 would have it, without the words' frequencies: more of the words, and then a shorter text.
    const score = matching.length - document.text.length / (document.text.length + 10_000);
    const session = found.get(document.sessionId) ?? { words: new Set(), best: document, score };
    for (const word of matching) session.words.add(word);
    if (score > session.score) Object.assign(session, { best: document, score });
    found.set(document.sessionId, session);
  }
  return [...found.values()]
    .filter((session) => session.words.size === words.length)
    .sort((a, b) => b.score - a.score)
    .map(({ best }) => hitOf(best, words, summaryOf))
    .filter((hit) => hit !== undefined)
    .slice(0, Math.max(0, limit));
}

/** Undefined where the session is not listed. */
export function hitOf(
  { sessionId, exchangeId, text }: SearchDocument,
  words: readonly SearchWord[],
  summaryOf: (sessionId: string) => SessionSummary | undefined,
): SearchHit | undefined {
  const session = summaryOf(sessionId);
  return session && { session, exchangeId, excerpt: excerptOf(text, words) };
}

/** The text round the first of the words, on one line. */
export function excerptOf(text: string, words: readonly SearchWord[]): SearchHit['excerpt'] {
  const ranges = matchesOf(text, words);
  const first = ranges[0]?.from ?? 0;
  const from = wordStart(text, Math.max(0, first - leadLength), first);
  const to = wordStart(text, Math.min(text.length, from + excerptLength), text.length);
  const excerpt: { text: string; isMatch: boolean }[] = [];
  const add = (part: Range, isMatch: boolean): void => {
    const line = text
      .slice(part.from, part.to)
      .replace(/[\s\p{Cc}]+/gu, ' ')
      .toWellFormed();
    if (line !== '') excerpt.push({ text: line, isMatch });
  };
  if (from > 0) excerpt.push({ text: '… ', isMatch: false });
  let at = from;
  for (const range of ranges) {
    if (range.to > to) break;
    add({ from: at, to: range.from }, false);
    add(range, true);
    at = range.to;
  }
  add({ from: at, to }, false);
  if (to < text.length) excerpt.push({ text: ' …', isMatch: false });
  return excerpt;
}

/** First index from `index` on that begins a word, if one is near; never inside a surrogate pair. */
function wordStart(text: string, index: number, end: number): number {
  if (index === 0 || index >= end) return Math.min(index, end);
  const near = Math.min(end, index + 20);
  for (let at = index; at < near; at++) if (/\s/.test(text.charAt(at - 1))) return at;
  const unit = text.charCodeAt(index);
  return unit >= 0xdc00 && unit <= 0xdfff ? index + 1 : index;
}

/** Where the words occur, in order and apart. */
export function matchesOf(text: string, words: readonly SearchWord[]): Range[] {
  const tokens = words.some(({ kind }) => kind === 'prefix') ? tokensOf(text) : [];
  const ranges = words.flatMap((word) =>
    word.kind === 'literal' ? occurrences(text, word.text) : prefixes(text, tokens, word.tokens),
  );
  ranges.sort((a, b) => a.from - b.from || b.to - a.to);
  let end = 0;
  return ranges.filter(({ from, to }) => {
    if (from < end) return false;
    end = to;
    return true;
  });
}

function occurrences(text: string, sought: string): Range[] {
  const ranges: Range[] = [];
  for (let from = text.indexOf(sought); from >= 0; from = text.indexOf(sought, from + sought.length)) {
    ranges.push({ from, to: from + sought.length });
  }
  return ranges;
}

/** Runs of tokens that are those sought, the last of which may be longer; a single one may be part of an identifier. */
function prefixes(text: string, tokens: readonly TextToken[], sought: readonly string[]): Range[] {
  const isLast = (index: number): boolean => index === sought.length - 1;
  const ranges: Range[] = [];
  tokens.forEach((first, at) => {
    const isRun = sought.every((word, index) => {
      const token = tokens[at + index]?.folded;
      return isLast(index) ? token?.startsWith(word) : token === word;
    });
    const last = tokens[at + sought.length - 1];
    if (isRun && last !== undefined) ranges.push({ from: first.from, to: last.to });
    else if (sought.length === 1) {
      ranges.push(...partsOf(text, first).filter((part) => part.folded.startsWith(sought[0] ?? '')));
    }
  });
  return ranges;
}
