import { z } from 'zod';

/** What happens to the chunks before the question is read: reduced to anchors, kept whole, or left out. */
export const batchModes = ['anchors', 'full', 'none'] as const;

/** A chunk: raw text of a document, or an earlier exchange of the conversation. */
export const batchChunkSchema = z.union([z.string(), z.object({ user: z.string(), assistant: z.string() })]);

/** One line of `batch`'s input. */
export const batchRowSchema = z
  .object({
    id: z.union([z.string(), z.number()]),
    chunks: z.array(batchChunkSchema).default([]),
    question: z.string().nullish(),
    /** Raw text that goes on from the chunks, scored in place of a question and its answer (language modelling). */
    continuation: z.string().min(1).optional(),
    mode: z.enum(batchModes).default('anchors'),
    ratio: z.int().min(1).max(1024).optional(),
    choice: z.enum(['stride', 'window', 'attention']).optional(),
    /** Read every chunk seeing only the pinned prefix. */
    independent: z.boolean().default(false),
    /** Put every chunk in place again from what the store would keep of it, before anything else is read. */
    storedAs: z.enum(['fp16', 'int8']).optional(),
    maxTokens: z.int().min(0).max(8192).default(128),
    /** Read tokens ahead where the answer repeats a text; the answer is the same. */
    speculate: z.boolean().optional(),
    /** Text whose log-probability as the answer is wanted. */
    score: z.string().min(1).optional(),
  })
  .refine((row) => (row.continuation !== undefined) !== (typeof row.question === 'string'), {
    error: 'needs either question or continuation',
  })
  .refine((row) => row.continuation === undefined || row.score === undefined, {
    path: ['score'],
    error: 'goes with a question: a continuation is scored itself',
  });

/** One line of `batch`'s output. Times in milliseconds; `kvRows` counted from the cache when the answer begins. */
export const batchResultSchema = z.object({
  id: z.union([z.string(), z.number()]),
  answer: z.string(),
  textTokens: z.int().min(0),
  kvRows: z.int().min(0),
  kvRowsFull: z.int().min(0),
  kvBytes: z.int().min(0),
  prefillMs: z.number().min(0),
  decodeMs: z.number().min(0),
  /** Sum of natural-log probabilities of the scored tokens, and their count. */
  scoreLogProb: z.number().optional(),
  scoreTokens: z.int().min(1).optional(),
});

export type BatchRow = z.infer<typeof batchRowSchema>;
export type BatchResult = z.infer<typeof batchResultSchema>;
