import { existsSync, readFileSync } from 'node:fs';
import type { z } from 'zod';
import { AnchorageError, messageOf } from '../protocol/errors.ts';
import { describeIssues } from './describeIssues.ts';

/** A JSON file, parsed and checked. */
export function readJson<T>(path: string, schema: z.ZodType<T>): T {
  if (!existsSync(path)) throw new AnchorageError('fileUnreadable', `${path} does not exist.`, 'Check the folder.');
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new AnchorageError('fileInvalid', `${path} is not JSON: ${messageOf(error)}.`, 'Fetch the file again.', {
      cause: error,
    });
  }
  const parsed = schema.safeParse(json);
  if (!parsed.success) {
    throw new AnchorageError(
      'fileInvalid',
      `${path}: ${describeIssues(parsed.error)}.`,
      'Correct the file, or fetch it again.',
    );
  }
  return parsed.data;
}
