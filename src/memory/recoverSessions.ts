import { randomUUID } from 'node:crypto';
import type { Attachment } from '../protocol/worker.ts';
import { carveRows } from './carveRows.ts';
import { PageFile } from './pageFile.ts';
import { recoveredExchanges } from './recoveredExchanges.ts';
import type { AttachmentRow } from './recoveredRows.ts';
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
    const session = rows.sessions.get(id);
    const known = new Set<string>();
    let last: string | null = null;
    const stored: StoredExchange[] = [];
    for (const { exchange, sequences: own } of recoveredExchanges(exchanges.get(id) ?? [], sequences.get(id) ?? [])) {
      const { position: _, sessionId: _session, parentId, ...rest } = exchange;
      const isKnown = parentId === null || (parentId !== undefined && known.has(parentId));
      stored.push({
        ...rest,
        parentId: isKnown ? parentId : last,
        attachments: (attachments.get(exchange.id) ?? []).map(named),
        sequences: withText(rest, own),
      });
      last = exchange.id;
      known.add(last);
    }
    const headId = session?.headId != null && known.has(session.headId) ? session.headId : last;
    const title = session?.title ?? 'Recovered session';
    const createdAt = session?.createdAt ?? Date.now();
    const texts = stored.map(({ id: exchangeId }) => [exchangeId, textsOf(attachments.get(exchangeId) ?? [])] as const);
    return {
      session: { id, title, createdAt, updatedAt: session?.updatedAt ?? createdAt, headId, exchanges: stored },
      attachments: new Map(texts),
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
