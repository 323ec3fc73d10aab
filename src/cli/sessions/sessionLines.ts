import type { SearchHit, SessionSummary, SessionView } from '../../protocol/worker.ts';
import { footer } from '../footer.ts';
import { shortIds } from './findSession.ts';

/** A session a line: its id, when it was written last, how long it is, its title. */
export function listLines(sessions: readonly SessionSummary[]): string[] {
  if (sessions.length === 0) return ['There are no sessions.'];
  const ids = shortIds(sessions.map(({ id }) => id));
  return sessions.map(({ title, exchanges, updatedAt }, i) => {
    return `${ids[i] ?? ''}  ${minuteOf(updatedAt)}  ${exchangeCount(exchanges)}  ${title}`;
  });
}

/** Two lines a hit: the session, and the text round the words, which are marked. */
export function searchLines(hits: readonly SearchHit[], mark: (text: string) => string): string[] {
  if (hits.length === 0) return ['No session has these words.'];
  const ids = shortIds(hits.map(({ session }) => session.id));
  return hits.flatMap(({ session, excerpt }, i) => {
    const text = excerpt.map((part) => (part.isMatch ? mark(part.text) : part.text)).join('');
    return [
      `${ids[i] ?? ''}  ${minuteOf(session.updatedAt)}  ${session.title}`,
      `          ${text.replaceAll(/\s+/g, ' ')}`,
    ];
  });
}

/** The exchanges of a session, numbered, with what was read again for each answer. */
export function exchangeLines({ exchanges }: SessionView): string[] {
  return exchanges.flatMap((exchange, i) => {
    const { question, answer, attachments, siblings, id, isForgotten } = exchange;
    if (isForgotten) return [`${i + 1}> (forgotten)`, ''];
    const branch = siblings.length > 1 ? ` (branch ${siblings.indexOf(id) + 1} of ${siblings.length})` : '';
    const files = attachments.map(({ path }) => `with ${path}`);
    return [`${i + 1}>${branch} ${question}`, ...files, '', answer, footer(exchange), ''];
  });
}

export function exchangeCount(count: number): string {
  return `${count} ${count === 1 ? 'exchange' : 'exchanges'}`;
}

function minuteOf(milliseconds: number): string {
  return new Date(milliseconds).toISOString().slice(0, 16);
}
