import { randomUUID } from 'node:crypto';
import type { Attachment } from '../protocol/worker.ts';
import { carveRows } from './carveRows.ts';
import { PageFile } from './pageFile.ts';
import { recoveredExchanges } from './recoveredExchanges.ts';
import type { RecoveredExchange } from './recoveredExchanges.ts';
import type { AttachmentRow, SessionRow } from './recoveredRows.ts';
import { RecoveredRows } from './recoveredRows.ts';
import type { SessionSequence } from './sessionSequence.ts';
import type { StoredExchange, StoredSession } from './sessionStore.ts';

export interface RecoveredSession {
  readonly session: StoredSession;
  /** By exchange. */
  readonly attachments: Map<string, Attachment[]>;
}

/** About as many characters are a token; the model counts anew when it reads the text. */
const charactersPerToken = 4;

/**
 * Everything that can be read of a damaged file of sessions, made into sessions again: what lost its session, its
 * parent or its row is put where it stood by position. Anchors are left: they are computed from the text again.
 */
export function recoverSessions(file: string): RecoveredSession[] {
  const rows = readRows(file);
  const attachments = Map.groupBy([...rows.attachments.values()].sort(byPosition), ({ exchangeId }) => exchangeId);
  const exchanges = Map.groupBy(rows.exchanges.values(), ({ sessionId }) => sessionId);
  const sequences = Map.groupBy([...rows.sequences.values()].sort(byPosition), ({ sessionId }) => sessionId);
  const ids = new Set([...rows.sessions.keys(), ...exchanges.keys(), ...sequences.keys()]);
  return [...ids].map((id) => {
    const own = recoveredExchanges(exchanges.get(id) ?? [], sequences.get(id) ?? []);
    const stored = asTree(own, (exchangeId) => (attachments.get(exchangeId) ?? []).map(named));
    const texts = stored.map((each) => [each.id, textsOf(attachments.get(each.id) ?? [])] as const);
    return { session: asSession(id, rows.sessions.get(id), stored), attachments: new Map(texts) };
  });
}

function asSession(id: string, row: SessionRow | undefined, exchanges: readonly StoredExchange[]): StoredSession {
  const { title = 'Recovered session', createdAt = Date.now(), updatedAt = createdAt } = row ?? {};
  const head = exchanges.find((exchange) => exchange.id === row?.headId) ?? exchanges.at(-1);
  return { id, title, createdAt, updatedAt, headId: head?.id ?? null, exchanges };
}

/** An exchange whose parent was lost, and every one of schema 1, follows the one before it. */
function asTree(
  recovered: readonly RecoveredExchange[],
  attachmentsOf: (exchangeId: string) => StoredExchange['attachments'],
): StoredExchange[] {
  const known = new Set<string | null>([null]);
  let last: string | null = null;
  return recovered.map(({ exchange, sequences }) => {
    const { id, question, answer, stopReason, usage, rehydrated, isForgotten } = exchange;
    const parentId = exchange.parentId !== undefined && known.has(exchange.parentId) ? exchange.parentId : last;
    known.add(id);
    last = id;
    return {
      ...{ id, parentId, question, answer, stopReason, usage, rehydrated, isForgotten },
      attachments: attachmentsOf(id),
      sequences: withText(exchange, sequences),
    };
  });
}

function readRows(file: string): RecoveredRows {
  const rows = new RecoveredRows();
  const pages = new PageFile(file);
  try {
    // Anchors have two columns, and documents begin with a number: neither is read.
    for (const row of carveRows(pages, (columns, isText) => isText && columns >= 4)) rows.add(row);
  } finally {
    pages.close();
  }
  return rows;
}

function named(row: AttachmentRow): StoredExchange['attachments'][number] {
  const { kind, path, languageId, startLine, text, lines } = row;
  return { kind, path, languageId, startLine, lines: lines ?? linesIn(text) };
}

function textsOf(rows: readonly AttachmentRow[]): Attachment[] {
  const withWords = rows.filter(({ text }) => text !== '');
  return withWords.map(({ kind, path, languageId, startLine, text, symbolLines }) => {
    return { kind, path, languageId, startLine, text, symbolLines };
  });
}

/** What the model reads of an exchange: where that was lost, what the user sees of it. */
function withText(
  { question, answer, isForgotten }: Pick<StoredExchange, 'question' | 'answer' | 'isForgotten'>,
  sequences: readonly SessionSequence[],
): readonly SessionSequence[] {
  if (isForgotten || sequences.some(({ text }) => text.kind === 'exchange')) return sequences;
  const made: SessionSequence = {
    id: randomUUID(),
    text: { kind: 'exchange', question, answer },
    tokens: Math.ceil((question.length + answer.length) / charactersPerToken),
    ratio: sequences[0]?.ratio ?? 8,
    choice: 'stride',
    independent: false,
    anchorKey: null,
    spilled: false,
    pinned: false,
    attention: 0,
    usedAt: 0,
  };
  return [...sequences, made];
}

/** Lines of a text; a line break at its end begins no other. */
function linesIn(text: string): number {
  const breaks = text.split('\n').length - 1;
  return Math.max(1, text.endsWith('\n') ? breaks : breaks + 1);
}

function byPosition(a: { readonly position: number }, b: { readonly position: number }): number {
  return a.position - b.position;
}
