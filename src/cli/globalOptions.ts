import { InvalidArgumentError, Option } from 'commander';
import type { Command } from 'commander';
import { z } from 'zod';
import { choices } from '../protocol/anchorConfig.ts';
import { wantedProviders } from '../protocol/executionProvider.ts';
import { variants } from '../protocol/packageManifest.ts';
import { defaultHeldRows, leastBudgetMB } from '../protocol/worker.ts';
import { defaultPackageFolder } from './packagePaths.ts';

/** The options that commands share. `convert` has none of the model's and is given their defaults. */
export const globalOptionsSchema = z.object({
  package: z.string().default(defaultPackageFolder),
  variant: z.enum(['auto', ...variants]).default('auto'),
  executionProvider: z.enum(wantedProviders).default('auto'),
  ratio: z.int().nullable().default(null),
  choice: z.enum(choices).nullable().default(null),
  threads: z.int().default(0),
  budgetMb: z.number().default(256),
  rereadTokens: z.int().default(512),
  heldRows: z.int().default(defaultHeldRows),
  json: z.boolean().default(false),
  quiet: z.boolean().default(false),
  verbose: z.boolean().default(false),
});

export type GlobalOptions = z.output<typeof globalOptionsSchema>;

/** Adds the options to a command that asks the model something. */
export function addModelOptions(command: Command): Command {
  return command
    .option('--package <folder>', 'model package to use', defaultPackageFolder)
    .addOption(
      new Option('--variant <name>', 'numeric format of the weights').choices(['auto', ...variants]).default('auto'),
    )
    .addOption(new Option('--execution-provider <name>', 'what to compute on').choices(wantedProviders).default('auto'))
    .option('--ratio <tokens>', "text tokens per anchor (default: the package's)", integer(1, 1024))
    .addOption(new Option('--choice <name>', "how anchors are chosen (default: the package's)").choices(choices))
    .option('--threads <count>', 'CPU threads; 0: as many as physical cores', integer(0, 256), 0)
    .option('--budget-mb <MB>', 'most memory for what is held of sessions', number(leastBudgetMB, 1_000_000), 256)
    .option(
      '--reread-tokens <count>',
      'most text of earlier exchanges and files that is read again for an answer; 0: none',
      integer(0, 100_000),
      512,
    )
    .option(
      '--held-rows <count>',
      'rows of keys and values beyond which a session leaves on disk what no late exchange needed; 0: no bound',
      integer(0, 1_000_000),
      defaultHeldRows,
    );
}

/** Adds the options that say how a command talks. */
export function addOutputOptions(command: Command): Command {
  return command
    .option('--json', 'write JSON on stdout')
    .option('-q, --quiet', 'no progress on stderr')
    .option('-v, --verbose', "the worker's log, and stack traces of errors, on stderr");
}

/** Adds the options of an answer. */
export function addSamplingOptions(command: Command): Command {
  return command
    .option('--max-tokens <count>', 'longest answer in tokens', integer(1, 8192), 512)
    .option('--temperature <value>', '0 is greedy: always the likeliest token', number(0, 5), 0)
    .option('--top-p <value>', 'draw from the likeliest tokens of this probability', number(0.001, 1), 1)
    .option('--top-k <count>', 'draw from so many tokens; 0: no limit', integer(0, 1_000_000), 0)
    .option('--min-p <value>', "leave out tokens below this part of the likeliest one's probability", number(0, 1), 0)
    .option(
      '--repetition-penalty <value>',
      'above 1 makes repetition less likely; small models need some',
      number(0.5, 3),
      1.1,
    )
    .option('--seed <number>', 'same seed, same answer', integer(0, 2 ** 32 - 1), 0);
}

/** A whole number within limits, or a message that names them. */
export function integer(least: number, most: number): (text: string) => number {
  const parse = number(least, most);
  return (text) => {
    const value = parse(text);
    if (!Number.isInteger(value)) throw new InvalidArgumentError(`It must be a whole number.`);
    return value;
  };
}

function number(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = text.trim() === '' ? NaN : Number(text);
    if (!(value >= least && value <= most))
      throw new InvalidArgumentError(`It must be a number from ${least} to ${most}.`);
    return value;
  };
}
