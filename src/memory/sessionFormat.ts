import { z } from 'zod';
import { choices } from '../protocol/anchorConfig.ts';
import { attachmentSchema, exchangeSchema } from '../protocol/worker.ts';
import { sequenceTextSchema } from './storedRows.ts';

/** What `format` and `version` say in an exported session. A reader refuses a higher version than its own. */
export const sessionFormat = 'anchorage-session';
export const sessionFormatVersion = 1;

/** Bounds that no session reaches in use: a file that was made to be imported must not take all memory. */
const id = z.string().min(1).max(128);
const text = z.string().max(50_000_000);

const sequenceSchema = z.object({
  id,
  text: sequenceTextSchema,
  tokens: z.int().min(0).max(1_000_000_000),
  independent: z.boolean(),
  ratio: z.int().min(1).max(1024),
  choice: z.enum(choices),
  pinned: z.boolean(),
});

const namedAttachment = exchangeSchema.shape.attachments.element;

const exportedExchangeSchema = exchangeSchema.omit({ siblings: true, attachments: true }).extend({
  id,
  parentId: id.nullable(),
  question: text,
  answer: text,
  attachments: z
    .array(
      namedAttachment.extend({
        /** Null where it was forgotten. */
        text: text.min(1).nullable(),
        symbolLines: attachmentSchema.shape.symbolLines,
      }),
    )
    .max(10_000),
  sequences: z.array(sequenceSchema).max(100_000),
});

/** A whole session in JSON, without anchors: they are computed from it again. */
export const exportedSessionSchema = z.object({
  format: z.literal(sessionFormat),
  version: z.literal(sessionFormatVersion),
  session: z.object({
    title: z.string().max(10_000),
    createdAt: z.number().min(0),
    updatedAt: z.number().min(0),
    headId: id.nullable(),
    exchanges: z.array(exportedExchangeSchema).max(100_000),
  }),
});

export type ExportedSession = z.infer<typeof exportedSessionSchema>;
export type ExportedExchange = z.infer<typeof exportedExchangeSchema>;
