import type { ParseArgsOptionsConfig } from 'node:util';
import { parseArgs } from 'node:util';
import { z } from 'zod';

/** What a script of ours is called with, besides `--help`. */
export interface Usage<T> {
  /** One line or more; told by `--help`, and after a mistake. */
  readonly usage: string;
  readonly options?: ParseArgsOptionsConfig;
  /** Of the options by their names, and of the other arguments as `_`. */
  readonly schema: z.ZodType<T>;
}

/**
 * The options that the process was started with. Where help is asked for, or something is wrong with them, it is told
 * and the process ends.
 */
export function readOptions<T>(usage: Usage<T>): T {
  const read = parseOptions(process.argv.slice(2), usage);
  if ('options' in read) return read.options;
  (read.exitCode === 0 ? process.stdout : process.stderr).write(read.text);
  process.exit(read.exitCode);
}

/** The options of a command line, or what is to be told in their place. */
export function parseOptions<T>(
  args: readonly string[],
  { usage, options = {}, schema }: Usage<T>,
): { readonly options: T } | { readonly text: string; readonly exitCode: 0 | 2 } {
  const mistake = (problem: string) => ({ text: `${problem}\n${usage.trimEnd()}\n`, exitCode: 2 as const });
  try {
    const help = { type: 'boolean', short: 'h' } as const;
    const { values, positionals } = parseArgs({
      args: [...args],
      options: { ...options, help },
      allowPositionals: true,
    });
    if (values.help === true) return { text: `${usage.trimEnd()}\n`, exitCode: 0 };
    const parsed = schema.safeParse({ ...values, _: positionals });
    if (parsed.success) return { options: parsed.data };
    const [issue] = parsed.error.issues;
    const name = issue?.path[0] === '_' ? 'arguments' : `--${String(issue?.path[0])}`;
    return mistake(`${name}: ${issue?.message ?? 'not valid'}`);
  } catch (error) {
    // What parseArgs throws has a code; anything else is a fault of ours.
    if (!(error instanceof TypeError && 'code' in error)) throw error;
    return mistake(error.message);
  }
}

/** The schema of a script's arguments where it takes none. */
export const noArguments = z.array(z.string()).max(0, 'none are taken');
/** The schema of a script without options. */
export const noOptions = z.object({ _: noArguments });
