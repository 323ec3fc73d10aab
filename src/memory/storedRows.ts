import { z } from 'zod';
import { choices } from '../protocol/anchorConfig.ts';
import { rehydrationSchema } from '../protocol/memory.ts';
import { attachmentSchema, exchangeSchema, stopReasons, usageSchema } from '../protocol/worker.ts';

/** A column that holds JSON, parsed and validated. */
export function json<S extends z.ZodType>(schema: S): z.ZodPipe<z.ZodTransform<unknown, string>, S> {
  return z
    .transform((text: string, context) => {
      try {
        return JSON.parse(text) as unknown;
      } catch {
        context.issues.push({ code: 'custom', message: 'is not JSON', input: text });
        return z.NEVER;
      }
    })
    .pipe(schema);
}

const flag = z.union([z.literal(0), z.literal(1)]).transform((value) => value === 1);
const nullableId = z.string().nullable();

export const sequenceTextSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('chunk'),
    path: z.string(),
    languageId: z.string(),
    startLine: z.int().min(1),
    endLine: z.int().min(1),
    text: z.string(),
  }),
  z.object({ kind: z.literal('exchange'), question: z.string(), answer: z.string() }),
]);

export const summaryRowSchema = z.object({
  id: z.string(),
  title: z.string(),
  updatedAt: z.number(),
  exchanges: z.int().min(0),
});

export const sessionRowSchema = z.object({
  id: z.string(),
  title: z.string(),
  createdAt: z.number(),
  updatedAt: z.number(),
  headId: nullableId,
});

export const titleRowSchema = sessionRowSchema.pick({ title: true });

export const exchangeRowSchema = z.object({
  id: z.string(),
  parentId: nullableId,
  question: z.string(),
  answer: z.string(),
  stopReason: z.enum(stopReasons),
  usage: json(usageSchema),
  rehydrated: json(z.array(rehydrationSchema)),
  isForgotten: flag,
});

/** An attachment without its text, as a session is read. */
export const attachmentRowSchema = exchangeSchema.shape.attachments.element.extend({ exchangeId: z.string() });

/** An attachment with its text, which is empty where it was forgotten. */
export const attachmentTextRowSchema = attachmentSchema.extend({
  text: z.string(),
  symbolLines: json(attachmentSchema.shape.symbolLines),
});

const sequenceShape = {
  id: z.string(),
  text: json(sequenceTextSchema),
  tokens: z.int().min(0),
  ratio: z.int().min(1),
  choice: z.enum(choices),
  anchorKey: nullableId,
  independent: flag,
  spilled: flag,
  pinned: flag,
  attention: z.number(),
  usedAt: z.int(),
};

export const sequenceRowSchema = z.object({ ...sequenceShape, exchangeId: z.string() });

/** What is needed to forget a sequence. */
export const forgottenRowSchema = z.object({
  exchangeId: z.string(),
  text: sequenceShape.text,
});

export const rehydratedRowSchema = exchangeRowSchema.pick({ id: true, rehydrated: true });

export const documentRowSchema = z.object({ sessionId: z.string(), exchangeId: nullableId, text: z.string() });

/** Documents of one session, and of all. */
export const documentCountRowSchema = z.object({ own: z.int(), all: z.int() });

export const anchorRowSchema = z.object({ bytes: z.instanceof(Uint8Array) });
