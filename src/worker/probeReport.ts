import { z } from 'zod';
import { variants } from '../protocol/packageManifest.ts';

/** A package's graph to be tried, as the probing process is told of it. */
export const probedModelSchema = z.object({
  packageFolder: z.string(),
  variant: z.enum(variants),
  /** Tokens of a run, as the decoder will read them. */
  groupTokens: z.int().min(1),
});
export type ProbedModel = z.infer<typeof probedModelSchema>;

/** What the probing process prints as its last line. */
export const probeReportSchema = z.discriminatedUnion('ran', [
  z.object({
    ran: z.literal(true),
    /** The largest difference from the CPU's output, as a share of its largest number; null where it was no number. */
    difference: z.number().nullable(),
    /** The same of the model's own graph, where one was given. */
    modelDifference: z.number().nullish(),
    /** Time that the model's graph took to read a question and write an answer, as a share of the CPU's. */
    timeShare: z.number().optional(),
  }),
  z.object({ ran: z.literal(false), problem: z.string() }),
]);
export type ProbeReport = z.infer<typeof probeReportSchema>;
