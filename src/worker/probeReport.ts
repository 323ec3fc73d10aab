import { z } from 'zod';

/** What the probing process prints as its last line. */
export const probeReportSchema = z.discriminatedUnion('ran', [
  z.object({
    ran: z.literal(true),
    /** The largest difference from the CPU's output, as a share of its largest number; null where it was no number. */
    difference: z.number().nullable(),
  }),
  z.object({ ran: z.literal(false), problem: z.string() }),
]);
export type ProbeReport = z.infer<typeof probeReportSchema>;
