import type { StoredSession } from '../../../src/memory/sessionStore.ts';
import type { Acknowledged } from './crashEvents.ts';

/** What was acknowledged, by session. */
export class Ledger {
  readonly #sessions = new Map<string, Acknowledged[]>();

  get sessionIds(): string[] {
    return [...this.#sessions.keys()];
  }

  get count(): number {
    return [...this.#sessions.values()].reduce((sum, { length }) => sum + length, 0);
  }

  add(exchange: Acknowledged): void {
    this.#sessions.set(exchange.sessionId, [...this.of(exchange.sessionId), exchange]);
  }

  of(sessionId: string): readonly Acknowledged[] {
    return this.#sessions.get(sessionId) ?? [];
  }
}

/**
 * What is wrong with a session as it was read from the store: exchanges that were acknowledged and are not there letter by
 * letter, and places where its tree is broken.
 *
 * @param attachedText text of an exchange's attachments, as the store has it.
 */
export function faultsOf(
  session: StoredSession | undefined,
  acknowledged: readonly Acknowledged[],
  attachedText: (exchangeId: string) => string,
): string[] {
  if (session === undefined) return acknowledged.map(({ id }) => `the session of exchange ${id} is lost`);
  const faults: string[] = [];
  const byId = new Map(session.exchanges.map((exchange) => [exchange.id, exchange]));
  for (const { id, question, answer, attached } of acknowledged) {
    const stored = byId.get(id);
    if (stored === undefined) faults.push(`exchange ${id} is lost`);
    else if (stored.question !== question || stored.answer !== answer) faults.push(`exchange ${id} is another`);
    else if (attachedText(id) !== attached) faults.push(`the attachment of exchange ${id} is another`);
  }
  return [...faults, ...treeFaults(session)];
}

function treeFaults({ exchanges, headId }: StoredSession): string[] {
  const faults: string[] = [];
  const before = new Set<string>();
  for (const { id, parentId, question, answer, attachments, sequences } of exchanges) {
    if (parentId !== null && !before.has(parentId)) faults.push(`exchange ${id} follows one that is not there`);
    if (before.has(id)) faults.push(`exchange ${id} is there twice`);
    before.add(id);
    const last = sequences.at(-1)?.text;
    if (last?.kind !== 'exchange' || last.question !== question || last.answer !== answer) {
      faults.push(`the sequence of exchange ${id} is not its text`);
    }
    if (attachments.length > 0 && sequences.length < 2) faults.push(`the chunks of exchange ${id} are lost`);
  }
  if (headId !== null && !before.has(headId)) faults.push(`the head ${headId} is not there`);
  if (headId === null && exchanges.length > 0) faults.push('there is no head');
  return faults;
}
