import { z } from 'zod';

/** How the next token is drawn. `temperature` 0 is greedy; the other limits then have no effect. */
export const samplingSchema = z.object({
  temperature: z.number().min(0).max(5).default(0),
  topP: z.number().gt(0).max(1).default(1),
  /** 0: no limit. */
  topK: z.int().min(0).default(0),
  minP: z.number().min(0).max(1).default(0),
  repetitionPenalty: z.number().min(0.5).max(3).default(1),
  seed: z.int().min(0).default(0),
  stop: z.array(z.string().min(1)).max(16).default([]),
  maxTokens: z.int().min(1).max(8192).default(512),
});

export type Sampling = z.infer<typeof samplingSchema>;
