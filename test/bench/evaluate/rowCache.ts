import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import { batchResultSchema, type BatchResult } from '../../../src/protocol/batch.ts';
import { AnchorageError, messageOf } from '../../../src/protocol/errors.ts';
import type { RowInput } from './item.ts';

/** What a row gave: its result, or why it could not be run. */
export type RowOutcome = BatchResult | { readonly error: string };

const lineSchema = z.object({
  key: z.string(),
  outcome: z.union([batchResultSchema, z.object({ error: z.string() })]),
});

/** Results of rows on one package, on disk line by line, so that a run that was cut off goes on where it was. */
export class RowCache {
  readonly #path: string;
  readonly #identity: string;
  readonly #known = new Map<string, RowOutcome>();

  /**
   * @param identity of what runs the rows: another package, or variant of it, has other results.
   * @throws AnchorageError `storageUnavailable`.
   */
  constructor(path: string, identity: string) {
    this.#path = path;
    this.#identity = identity;
    try {
      mkdirSync(dirname(path), { recursive: true });
      const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
      // A line that was cut off as the process was killed would swallow the next one.
      if (text !== '' && !text.endsWith('\n')) appendFileSync(path, '\n');
      for (const line of text.split('\n')) this.#take(line);
    } catch (error) {
      throw this.#unavailable(error);
    }
  }

  keyOf(row: RowInput): string {
    return createHash('sha256')
      .update(JSON.stringify([this.#identity, sorted(row)]))
      .digest('hex')
      .slice(0, 32);
  }

  get(row: RowInput): RowOutcome | undefined {
    return this.#known.get(this.keyOf(row));
  }

  /** @throws AnchorageError `storageUnavailable`. */
  add(row: RowInput, outcome: RowOutcome): void {
    const key = this.keyOf(row);
    this.#known.set(key, outcome);
    try {
      appendFileSync(this.#path, `${JSON.stringify({ key, outcome })}\n`);
    } catch (error) {
      throw this.#unavailable(error);
    }
  }

  /** Half a line of a run that was cut off, or one that was altered, is computed again. */
  #take(line: string): void {
    let raw: unknown;
    try {
      raw = JSON.parse(line);
    } catch {
      return;
    }
    const known = lineSchema.safeParse(raw);
    if (known.success) this.#known.set(known.data.key, known.data.outcome);
  }

  #unavailable(error: unknown): AnchorageError {
    const message = `${this.#path} cannot be written: ${messageOf(error)}.`;
    return new AnchorageError(
      'storageUnavailable',
      message,
      'Free some space and run the same command again: it goes on.',
      {
        cause: error,
      },
    );
  }
}

/** The same row has the same key whatever the order of its fields. */
function sorted(row: RowInput): [string, unknown][] {
  return Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1));
}
