import { z } from 'zod';
import { variants } from '../../../src/protocol/packageManifest.ts';
import { noArguments, type Usage } from '../../../scripts/options.ts';
import { builtInPackage } from '../report.ts';
import { parts } from './task.ts';

export interface EvaluateOptions {
  readonly quick: boolean;
  readonly variant: (typeof variants)[number];
  readonly package: string;
  /** Names of tasks or parts; null: all. */
  readonly tasks: readonly string[] | null;
  readonly limit: number | null;
  /** Null: as ANCHORAGE_DATA says, or the committed sample under `--quick`. */
  readonly data: string | null;
  readonly AC: string | null;
  readonly EP: string | null;
  readonly write: boolean;
  readonly known: boolean;
}

export const evaluateUsage: Usage<EvaluateOptions> = {
  usage: `usage: npm run --silent evaluate -- [--quick] [--variant NAME] [--tasks A,B] [--limit ITEMS] [--data FOLDER]
                                    [--package FOLDER] [--ac PACKAGE] [--ep PACKAGE] [--known] [--write]
  --quick     a few items of every task, of the committed sample: a few minutes on two cores
  --tasks     names of tasks, or of parts: ${parts.join(', ')}
  --limit     at most so many items of a task
  --data      the data package's folder; by default ANCHORAGE_DATA, with --quick the sample
  --ac, --ep  packages of the paper's two schemes, for their rows of its table
  --known     runs no rows: tables of what is known from runs that were cut off
  --write     writes tables and plots into models/smollm2-135m-anchors/evaluation`,
  options: {
    quick: { type: 'boolean' },
    variant: { type: 'string' },
    package: { type: 'string' },
    tasks: { type: 'string' },
    limit: { type: 'string' },
    data: { type: 'string' },
    ac: { type: 'string' },
    ep: { type: 'string' },
    write: { type: 'boolean' },
    known: { type: 'boolean' },
  },
  schema: z
    .object({
      quick: z.boolean().default(false),
      variant: z.enum(variants).default('int8'),
      package: z.string().min(1).default(builtInPackage),
      tasks: z
        .string()
        .transform((names) => names.split(','))
        .optional(),
      limit: z.coerce.number().int().min(1).optional(),
      data: z.string().min(1).optional(),
      ac: z.string().min(1).optional(),
      ep: z.string().min(1).optional(),
      write: z.boolean().default(false),
      known: z.boolean().default(false),
      _: noArguments,
    })
    .transform(({ tasks, limit, data, ac, ep, quick, variant, package: folder, write, known }) => ({
      quick,
      variant,
      package: folder,
      tasks: tasks ?? null,
      limit: limit ?? null,
      data: data ?? null,
      AC: ac ?? null,
      EP: ep ?? null,
      write,
      known,
    })),
};
