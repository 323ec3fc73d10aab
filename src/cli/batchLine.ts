import { batchRowSchema } from '../protocol/batch.ts';
import type { BatchRow } from '../protocol/batch.ts';
import { AnchorageError, messageOf } from '../protocol/errors.ts';
import { z } from 'zod';
import { invalidUtf8At } from './fileArgument.ts';

type RowId = BatchRow['id'] | null;

/** A line of a batch's input: a row, or what is wrong with it and the id it has all the same. */
export type BatchLine =
  { readonly id: RowId; readonly row: BatchRow } | { readonly id: RowId; readonly error: AnchorageError };

const idSchema = z.object({ id: z.union([z.string(), z.number()]) });

/** What a line holds; null: nothing. */
export function batchLine(line: Uint8Array, number: number): BatchLine | null {
  let raw: unknown;
  try {
    // Less a byte order mark, as some programs begin a file with.
    const text = new TextDecoder('utf-8', { fatal: true }).decode(line);
    if (text.trim() === '') return null;
    raw = JSON.parse(text);
  } catch (error) {
    const problem =
      error instanceof SyntaxError
        ? `is not JSON (${messageOf(error)})`
        : `is not UTF-8: its byte ${invalidUtf8At(line)} is invalid`;
    return { id: null, error: invalid(number, problem) };
  }
  const known = idSchema.safeParse(raw);
  const id = known.success ? known.data.id : null;
  const row = batchRowSchema.safeParse(raw);
  if (row.success) return { id: row.data.id, row: row.data };
  const [issue] = row.error.issues;
  const path = issue === undefined || issue.path.length === 0 ? '' : `${issue.path.map(String).join('.')}: `;
  return { id, error: invalid(number, `${path}${issue?.message ?? 'is not a row'}`) };
}

function invalid(number: number, problem: string): AnchorageError {
  return new AnchorageError('invalidInput', `line ${number} ${problem}`, 'See batch --help for what a row holds.');
}
