import { AnchorageError } from '../../protocol/errors.ts';
import type { SequenceView } from '../../protocol/memory.ts';
import { listSessionsRequest } from '../../protocol/worker.ts';
import type { SessionSummary, SessionView } from '../../protocol/worker.ts';
import type { Requester } from '../terminal.ts';

/** Characters of an id that are shown where they are enough. */
const leastShown = 8;
/** Most sessions that an error names. */
const mostNamed = 5;

/**
 * The session that is meant by an id, an unambiguous beginning of one, or `last`.
 *
 * @throws AnchorageError `invalidInput` that names what was looked for and, where there are several, which.
 */
export async function findSession(worker: Requester, reference: string): Promise<SessionSummary> {
  const sessions = await worker.request(listSessionsRequest, {});
  const exact = sessions.find(({ id }) => id === reference);
  if (exact !== undefined) return exact;
  const found = reference === 'last' ? sessions.slice(0, 1) : sessions.filter(({ id }) => id.startsWith(reference));
  const [first, ...others] = found;
  if (first === undefined || reference === '') {
    const problem =
      reference === 'last' ? 'There is no session yet' : `There is no session ${JSON.stringify(reference)}`;
    throw new AnchorageError('invalidInput', `${problem}.`, 'See the ids with: anchorage sessions list');
  }
  if (others.length > 0) {
    const named = found.slice(0, mostNamed).map(({ id, title }) => `${id} (${title})`);
    const more = found.length > mostNamed ? ` and ${found.length - mostNamed} more` : '';
    throw new AnchorageError(
      'invalidInput',
      `${JSON.stringify(reference)} is the beginning of ${found.length} sessions: ${named.join(', ')}${more}.`,
      'Give more of the id.',
    );
  }
  return first;
}

/**
 * A sequence by its number in `sessions show`, or its id.
 *
 * @throws AnchorageError `invalidInput` that names the session and how many sequences it has.
 */
export function findSequence({ title, memory }: SessionView, reference: string): SequenceView {
  const sequences = numbered(memory.sequences);
  const found =
    sequences.find(({ id }) => id === reference) ??
    (/^\d{1,6}$/.test(reference) ? sequences[Number(reference) - 1] : undefined);
  if (found !== undefined) return found;
  const count = sequences.length === 0 ? 'It has none.' : `Its sequences are numbered from 1 to ${sequences.length}.`;
  throw new AnchorageError('invalidInput', `"${title}" has no sequence ${JSON.stringify(reference)}.`, count);
}

/** The sequences that have numbers, from 1: all but the pinned prefix, which nobody can change. */
export function numbered(sequences: readonly SequenceView[]): readonly SequenceView[] {
  return sequences.filter(({ kind }) => kind !== 'prefix');
}

/** Beginnings of ids, all of one length, that tell them apart. */
export function shortIds(ids: readonly string[]): readonly string[] {
  const longest = Math.max(leastShown, ...ids.map((id) => id.length));
  for (let length = leastShown; length < longest; length++) {
    const short = ids.map((id) => id.slice(0, length));
    if (new Set(short).size === new Set(ids).size) return short;
  }
  return ids;
}
