import type { SessionSummary } from '../protocol/worker.ts';
import type { HeldSequence, StoredExchange, StoredSession } from './sessionStore.ts';

export function summaryOf({ id, title, updatedAt, exchanges }: StoredSession): SessionSummary {
  return { id, title, updatedAt, exchanges: exchanges.length };
}

/** An exchange with those of its sequences held as is said now. The same object where none of them is. */
export function withHoldings(exchange: StoredExchange, held: readonly HeldSequence[]): StoredExchange {
  const holdings = new Map(held.map(({ id, holding }) => [id, holding]));
  if (!exchange.sequences.some(({ id }) => holdings.has(id))) return exchange;
  return { ...exchange, sequences: exchange.sequences.map((each) => ({ ...each, ...holdings.get(each.id) })) };
}
