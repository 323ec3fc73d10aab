import { z } from 'zod';

/** How a decoder turns a sequence into anchors (arXiv 2402.07616, section 3; `mark` and `select` are ours). */
export const schemes = ['AC', 'EP', 'mark', 'select'] as const;
export type Scheme = (typeof schemes)[number];

/** Which tokens of a sequence become its anchors, for `mark` and `select`; `learned`, for `mark` alone, needs an adapter with a scorer. */
export const choices = ['stride', 'window', 'attention', 'learned'] as const;
export type Choice = (typeof choices)[number];

const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 hexadecimal digits');
const ratio = z.int().min(1).max(1024);

/** `anchor_config.json`: what an adapter, and the package built from it, declares about its anchors. */
export const anchorConfigSchema = z
  .object({
    format_version: z.literal(1),
    scheme: z.enum(schemes),
    /** AC: ids of the added tokens. EP: ids of the endpoint tokens. Empty otherwise. */
    anchor_token_ids: z.array(z.int().min(0)).max(4096),
    choice: z.enum(choices),
    choices: z.array(z.enum(choices)).min(1),
    /** Text tokens per anchor: the default, and those that the adapter was trained for. */
    ratio,
    ratios: z.array(ratio).min(1),
    anchors_see_anchors: z.boolean(),
    positions: z.enum(['cache', 'absolute']),
    independent_chunks: z.boolean(),
    /** Longest sequence in text tokens; longer ones are read in pieces. */
    max_sequence_tokens: z.int().min(1).max(8192),
    base: z.object({ name: z.string().min(1), sha256 }),
    adapter: z.object({ sha256 }).nullish(),
  })
  .refine((config) => config.choices.includes(config.choice), { path: ['choice'], error: 'is not one of choices' })
  .refine((config) => config.ratios.includes(config.ratio), { path: ['ratio'], error: 'is not one of ratios' })
  .superRefine(({ scheme, choices: offered }, context) => {
    if (scheme === 'mark' || !offered.includes('learned')) return;
    const message = `learned is for the scheme mark; scheme is ${scheme}`;
    context.addIssue({ code: 'custom', path: ['choices'], message });
  });

export type AnchorConfig = z.infer<typeof anchorConfigSchema>;
