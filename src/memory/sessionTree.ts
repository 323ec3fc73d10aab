import type { Exchange } from '../protocol/worker.ts';
import type { StoredExchange, StoredSession } from './sessionStore.ts';

/** The exchanges from the session's beginning to `headId`, its own head by default. */
export function pathOf(
  { exchanges, headId }: Pick<StoredSession, 'exchanges' | 'headId'>,
  end: string | null = headId,
): StoredExchange[] {
  const byId = new Map(exchanges.map((exchange) => [exchange.id, exchange]));
  const path: StoredExchange[] = [];
  for (let id = end; id !== null;) {
    const exchange = byId.get(id);
    if (exchange === undefined) break;
    path.unshift(exchange);
    byId.delete(id); // A cycle, which only a damaged file has, ends there.
    id = exchange.parentId;
  }
  return path;
}

/** The exchange that ends the branch through `exchangeId`: of its descendants' ends the one that was written last. */
export function endOf(exchanges: readonly StoredExchange[], exchangeId: string): string {
  const isInside = new Set([exchangeId]);
  let end = exchangeId;
  for (const { id, parentId } of exchanges) {
    if (parentId === null || !isInside.has(parentId)) continue;
    isInside.add(id);
    end = id;
  }
  return end;
}

/** The branch that is shown, each exchange with those that were asked in its place. */
export function shownExchanges(session: StoredSession): Exchange[] {
  return pathOf(session).map(({ parentId, sequences: _, ...exchange }) => ({
    ...exchange,
    siblings: session.exchanges.filter((other) => other.parentId === parentId).map(({ id }) => id),
  }));
}
