import { z } from 'zod';

/** Where a sequence's keys/values are: whole, anchors only, in the store only, or anchors with its text read again. */
export const sequenceStates = ['live', 'anchored', 'spilled', 'rehydrated'] as const;

/** One sequence of a session as the user sees it. */
export const sequenceViewSchema = z.object({
  id: z.string(),
  kind: z.enum(['prefix', 'exchange', 'chunk']),
  state: z.enum(sequenceStates),
  /** First words of the text, or the file and lines, for a tooltip. */
  label: z.string(),
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
  sequences: z.array(sequenceViewSchema),
});

export type SequenceState = (typeof sequenceStates)[number];
export type SequenceView = z.infer<typeof sequenceViewSchema>;
export type MemoryView = z.infer<typeof memoryViewSchema>;
