import { z } from 'zod';
import { choices } from '../protocol/anchorConfig.ts';
import { exchangeSchema, stopReasons, usageSchema } from '../protocol/worker.ts';

/** A column that holds JSON, parsed and validated. */
function json<S extends z.ZodType>(schema: S): z.ZodPipe<z.ZodTransform<unknown, string>, S> {
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

const sequenceTextSchema = z.discriminatedUnion('kind', [
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
});

export const titleRowSchema = sessionRowSchema.pick({ title: true });

export const exchangeRowSchema = z.object({
  id: z.string(),
  question: z.string(),
  answer: z.string(),
  stopReason: z.enum(stopReasons),
  usage: json(usageSchema),
});

export const attachmentRowSchema = exchangeSchema.shape.attachments.element.extend({ exchangeId: z.string() });

export const sequenceRowSchema = z.object({
  id: z.string(),
  text: json(sequenceTextSchema),
  tokens: z.int().min(0),
  ratio: z.int().min(1),
  choice: z.enum(choices),
  independent: z.union([z.literal(0), z.literal(1)]).transform((flag) => flag === 1),
  anchorKey: z.string().nullable(),
});

export const anchorRowSchema = z.object({ bytes: z.instanceof(Uint8Array) });
