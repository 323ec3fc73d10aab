import { z } from 'zod';
import { choices } from '../protocol/anchorConfig.ts';
import { rehydrationSchema } from '../protocol/memory.ts';
import { attachmentSchema, stopReasons, usageSchema } from '../protocol/worker.ts';
import type { CarvedRow } from './carveRows.ts';
import { json, sequenceTextSchema } from './storedRows.ts';

const position = z.number();
const flag = z.union([z.literal(0), z.literal(1)]).transform((value) => value === 1);
const noUsage = { promptTokens: 0, answerTokens: 0, kvRows: 0, kvRowsFull: 0, prefillMs: 0, decodeMs: 0 };

/**
 * The tables that hold text, by their columns as they are stored, at schema 1 (the shorter) and 2. What is undefined
 * was not there at schema 1. Text is what counts: of a number or a list that is damaged, nothing or little is kept.
 */
const tables = [
  {
    kind: 'session',
    columns: ['id', 'title', 'createdAt', 'updatedAt', 'headId'],
    least: 4,
    schema: z.object({
      id: z.string(),
      title: z.string(),
      createdAt: z.number(),
      updatedAt: z.number(),
      headId: z.string().nullish(),
    }),
  },
  {
    kind: 'exchange',
    columns: [
      ...['id', 'sessionId', 'position', 'question', 'answer', 'stopReason', 'usage'],
      ...['parentId', 'rehydrated', 'isForgotten'],
    ],
    least: 7,
    schema: z.object({
      id: z.string(),
      sessionId: z.string(),
      position,
      question: z.string(),
      answer: z.string(),
      stopReason: z.enum(stopReasons).catch('endOfText'),
      usage: json(usageSchema).catch(noUsage),
      parentId: z.string().nullish(),
      rehydrated: json(z.array(rehydrationSchema)).catch([]),
      isForgotten: flag.catch(false),
    }),
  },
  {
    kind: 'attachment',
    columns: [
      ...['exchangeId', 'position', 'kind', 'path', 'languageId', 'startLine', 'text'],
      ...['lines', 'symbolLines'],
    ],
    least: 7,
    schema: z.object({
      exchangeId: z.string(),
      position,
      kind: attachmentSchema.shape.kind,
      path: z.string().min(1),
      languageId: z.string(),
      startLine: z.int().min(1).catch(1),
      text: z.string(),
      lines: z.int().min(1).optional(),
      symbolLines: json(attachmentSchema.shape.symbolLines).catch([]),
    }),
  },
  {
    kind: 'sequence',
    columns: [
      ...['id', 'sessionId', 'position', 'text', 'tokens', 'ratio', 'choice', 'independent', 'anchorKey'],
      ...['exchangeId', 'spilled', 'pinned', 'attention', 'usedAt'],
    ],
    least: 9,
    schema: z.object({
      id: z.string(),
      sessionId: z.string(),
      position,
      text: json(sequenceTextSchema),
      tokens: z.int().min(0),
      ratio: z.int().min(1),
      choice: z.enum(choices),
      independent: flag,
      exchangeId: z.string().optional(),
      pinned: flag.catch(false),
      attention: z.number().catch(0),
      usedAt: z.int().catch(0),
    }),
  },
] as const;

type Row<K extends (typeof tables)[number]['kind']> = z.output<Extract<(typeof tables)[number], { kind: K }>['schema']>;
export type SessionRow = Row<'session'>;
export type ExchangeRow = Row<'exchange'>;
export type AttachmentRow = Row<'attachment'>;
export type SequenceRow = Row<'sequence'>;

/** Rows of each table. An id that comes twice, which only a damaged file has, is taken once. */
export class RecoveredRows {
  readonly sessions = new Map<string, SessionRow>();
  readonly exchanges = new Map<string, ExchangeRow>();
  readonly attachments = new Map<string, AttachmentRow>();
  readonly sequences = new Map<string, SequenceRow>();

  /** Takes a row that is of one of the tables; others are none of ours, or too damaged. */
  add(row: CarvedRow): void {
    const [session, exchange, attachment, sequence] = tables;
    const asSession = parsed(session, row);
    const asExchange = parsed(exchange, row);
    const asAttachment = parsed(attachment, row);
    const asSequence = parsed(sequence, row);
    if (asSession) this.sessions.set(asSession.id, asSession);
    else if (asExchange) this.exchanges.set(asExchange.id, asExchange);
    else if (asAttachment) this.attachments.set(`${asAttachment.exchangeId} ${asAttachment.position}`, asAttachment);
    else if (asSequence) this.sequences.set(asSequence.id, asSequence);
  }
}

function parsed<S extends z.ZodType>(
  table: { readonly columns: readonly string[]; readonly least: number; readonly schema: S },
  row: CarvedRow,
): z.output<S> | undefined {
  if (row.length < table.least || row.length > table.columns.length) return undefined;
  const named = Object.fromEntries(table.columns.map((column, index) => [column, row[index]]));
  const result = table.schema.safeParse(named);
  return result.success ? result.data : undefined;
}
