import { z } from 'zod';

/** Where a sequence's keys/values are: whole, anchors only, in the store only, or anchors with its text read again. */
export const sequenceStates = ['live', 'anchored', 'spilled', 'rehydrated'] as const;

/** One sequence of a session as the user sees it. */
export const sequenceViewSchema = z.object({
  id: z.string(),
  kind: z.enum(['prefix', 'exchange', 'chunk']),
  state: z.enum(sequenceStates),
  /** First words of the text, or the file and lines. */
  label: z.string(),
  /** The user wants it kept: it is never held at a higher ratio, nor spilled. */
  pinned: z.boolean(),
  /** The user wants its text read again for the next question. */
  isWanted: z.boolean(),
  textTokens: z.int().min(0),
  /** Rows of keys/values held in every layer. */
  rows: z.int().min(0),
  ratio: z.number().min(1),
  bytes: z.int().min(0),
});

/** What a session holds, counted from its anchor cache. */
export const memoryViewSchema = z.object({
  sessionId: z.string(),
  textTokens: z.int().min(0),
  /** Rows of keys/values held now, and the rows that full caching of the same text would hold. */
  kvRows: z.int().min(0),
  kvRowsFull: z.int().min(0),
  kvBytes: z.int().min(0),
  kvBytesFull: z.int().min(0),
  /** Bytes that keys/values of all sessions, what chooses anchors and the store's cache take now, and may take. */
  budgetUsed: z.int().min(0),
  budget: z.int().min(0),
  /** The most of it that was ever taken at a time since the model was loaded. */
  budgetLargest: z.int().min(0),
  sequences: z.array(sequenceViewSchema),
});

/** Why a sequence's text was read again for an answer. */
export const rehydrationReasonSchema = z.discriminatedUnion('kind', [
  /** It has rare words or identifiers of the question. */
  z.object({ kind: z.literal('words'), words: z.array(z.string()) }),
  /** The question attended to its anchors more than to others. */
  z.object({ kind: z.literal('attention') }),
  /** The question says nothing by itself, so it is about the exchange before it. */
  z.object({ kind: z.literal('followUp') }),
  z.object({ kind: z.literal('user') }),
]);

/** A sequence that was read again for one answer. */
export const rehydrationSchema = z.object({
  sequenceId: z.string(),
  label: z.string(),
  tokens: z.int().min(0),
  why: rehydrationReasonSchema,
});

export type Rehydration = z.infer<typeof rehydrationSchema>;
export type RehydrationReason = z.infer<typeof rehydrationReasonSchema>;
export type SequenceState = (typeof sequenceStates)[number];
export type SequenceView = z.infer<typeof sequenceViewSchema>;
export type MemoryView = z.infer<typeof memoryViewSchema>;
