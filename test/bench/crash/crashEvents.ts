import { z } from 'zod';

/** An exchange that the worker has answered for: what must be in the store from then on. */
export const acknowledgedSchema = z.object({
  sessionId: z.string(),
  id: z.string(),
  question: z.string(),
  answer: z.string(),
  /** Text of the attached file; empty for none. */
  attached: z.string(),
});
export type Acknowledged = z.infer<typeof acknowledgedSchema>;

/** What a driver of a worker tells of it, through a pipe where it is a process of its own. */
export const crashEventSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('ready'), pid: z.int() }),
  z.object({ kind: z.literal('session'), id: z.string() }),
  /** The last question was sent. */
  z.object({ kind: z.literal('asking') }),
  /** So many pieces of the last answer have come. */
  z.object({ kind: z.literal('token'), count: z.int() }),
  z.object({ kind: z.literal('acknowledged'), exchange: acknowledgedSchema }),
  z.object({ kind: z.literal('idle') }),
  /** The folder's sessions were not opened as they were left, or something failed that should not. */
  z.object({ kind: z.literal('problem'), message: z.string() }),
]);
export type CrashEvent = z.infer<typeof crashEventSchema>;
