import { batchRowSchema } from '../protocol/batch.ts';
import type { BatchRow } from '../protocol/batch.ts';
import { AnchorageError, messageOf } from '../protocol/errors.ts';
import { z } from 'zod';

type RowId = BatchRow['id'] | null;

/** A line of a batch's input: a row, or what is wrong with it and the id it has all the same. */
export type BatchLine =
  { readonly id: RowId; readonly row: BatchRow } | { readonly id: RowId; readonly error: AnchorageError };

const idSchema = z.object({ id: z.union([z.string(), z.number()]) });

export function batchLine(line: string, number: number): BatchLine {
  let raw: unknown;
  try {
    raw = JSON.parse(line);
  } catch (error) {
    return { id: null, error: invalid(number, `is not JSON (${messageOf(error)})`) };
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
