import type { ExchangeRow, SequenceRow } from './recoveredRows.ts';
import type { SessionSequence } from './sessionSequence.ts';

export interface RecoveredExchange {
  readonly exchange: ExchangeRow;
  readonly sequences: readonly SessionSequence[];
}

const noUsage = { promptTokens: 0, answerTokens: 0, kvRows: 0, kvRowsFull: 0, prefillMs: 0, decodeMs: 0 };

/**
 * A session's exchanges in order, each with its sequences. Where an exchange's row was lost and the sequence with its
 * question and answer was not, the exchange is made from that, between its neighbours.
 *
 * @param sequences in order.
 */
export function recoveredExchanges(
  exchanges: readonly ExchangeRow[],
  sequences: readonly SequenceRow[],
): RecoveredExchange[] {
  const ordered = exchanges.toSorted((a, b) => a.position - b.position);
  const owned = withOwners(ordered, sequences);
  const byId = new Map(ordered.map((exchange) => [exchange.id, exchange]));
  const bySequence = Map.groupBy(owned, ({ exchangeId }) => exchangeId);
  let position = -1;
  for (const { exchangeId, row } of owned) {
    const exchange = byId.get(exchangeId);
    if (exchange === undefined && row.text.kind === 'exchange') {
      byId.set(exchangeId, exchangeOf(exchangeId, row, row.text, position + 0.5));
    } else position = exchange?.position ?? position;
  }
  return [...byId.values()]
    .sort((a, b) => a.position - b.position)
    .map((exchange) => ({
      exchange,
      sequences: (bySequence.get(exchange.id) ?? []).map(({ row }) => sequenceOf(row)),
    }));
}

interface Owned {
  readonly exchangeId: string;
  readonly row: SequenceRow;
}

/**
 * Each sequence with its exchange. Until schema 2 a sequence did not name it: chunks of a turn came before the
 * exchange, which is found by its answer, in order.
 */
function withOwners(exchanges: readonly ExchangeRow[], sequences: readonly SequenceRow[]): Owned[] {
  const owned: Owned[] = [];
  let chunks: SequenceRow[] = [];
  let next = 0;
  for (const row of sequences) {
    const { text } = row;
    if (row.exchangeId !== undefined) owned.push({ exchangeId: row.exchangeId, row });
    else if (text.kind === 'chunk') chunks.push(row);
    else {
      const at = exchanges.findIndex(({ answer }, index) => index >= next && answer === text.answer);
      if (at >= 0) next = at + 1;
      const exchangeId = exchanges[at]?.id ?? `recovered ${row.id}`;
      owned.push(...[...chunks, row].map((each) => ({ exchangeId, row: each })));
      chunks = [];
    }
  }
  return owned;
}

function exchangeOf(
  id: string,
  { sessionId }: SequenceRow,
  { question, answer }: { readonly question: string; readonly answer: string },
  position: number,
): ExchangeRow {
  const said = { question, answer, stopReason: 'endOfText', usage: noUsage, rehydrated: [] } as const;
  return { ...said, id, sessionId, position, rehydrated: [], isForgotten: false };
}

function sequenceOf({
  id,
  text,
  tokens,
  ratio,
  choice,
  independent,
  pinned,
  attention,
  usedAt,
}: SequenceRow): SessionSequence {
  const holding = { ratio, choice, anchorKey: null, spilled: false, pinned, attention, usedAt };
  return { ...holding, id, text, tokens, independent };
}
