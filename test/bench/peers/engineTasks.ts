import { z } from 'zod';

/** What a process of one engine is asked for. Lengths are those of the session's marks. */
export const taskSchema = z.union([
  /** Reads the session from nothing, and at every length asks; what is held is saved, or measured there and then. */
  z.object({ grow: z.array(z.int()), save: z.boolean(), measure: z.boolean() }),
  /** Takes a session that was saved, and asks several times. */
  z.object({ measure: z.int() }),
  /** Reads the session, and tells the likeliest tokens along the answer. */
  z.object({ predict: z.int() }),
]);
export type Task = z.infer<typeof taskSchema>;

export const measuredSchema = z.object({
  length: z.int(),
  textTokens: z.int(),
  /** How it came to hold the session: stored rows, the engine's own file of its state, or reading it. */
  restoredBy: z.enum(['rows', 'state', 'reading']),
  /** From the start of the process to the first token over the session. */
  restoredFirstTokenMs: z.number(),
  firstTokenMs: z.number(),
  decodeMsPerToken: z.number(),
  cpuSecondsPerAnswer: z.number(),
  kvRows: z.int(),
  kvBytes: z.number(),
  kvReservedBytes: z.number(),
  peakMemoryMB: z.number(),
  /** Of a text over an empty context; null over a session. */
  readTokensPerSecond: z.number().nullable(),
  predicted: z.array(z.int()),
});
export type Measured = z.infer<typeof measuredSchema>;

export const grownSchema = z.object({
  marks: z.array(
    z.object({
      length: z.int(),
      /** From nothing read to the first token. */
      coldFirstTokenMs: z.number(),
      coldCpuSeconds: z.number(),
      peakMemoryMB: z.number(),
      measured: measuredSchema.nullable(),
    }),
  ),
});
export type Grown = z.infer<typeof grownSchema>;

export const predictedSchema = z.object({ predicted: z.array(z.int()) });
