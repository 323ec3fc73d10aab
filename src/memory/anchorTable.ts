import { z } from 'zod';
import type { StoreDatabase } from './storeDatabase.ts';
import { anchorRowSchema } from './storedRows.ts';

const isNamed = 'EXISTS (SELECT 1 FROM sequences WHERE anchor_key = anchor_uses.key)';

const statements = {
  read: 'SELECT bytes FROM anchors WHERE key = ?',
  has: 'SELECT 1 FROM anchors WHERE key = ?',
  write: 'INSERT INTO anchors (key, bytes) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET bytes = excluded.bytes',
  use: `INSERT INTO anchor_uses (key, used_at, size, of_session) VALUES (?, ?, ?, ?)
    ON CONFLICT (key) DO UPDATE SET used_at = excluded.used_at, size = excluded.size`,
  touch: 'UPDATE anchor_uses SET used_at = ? WHERE key = ?',
  claim: 'UPDATE anchor_uses SET of_session = 1 WHERE key = ? AND of_session <> 1',
  isNamedBySession: 'SELECT 1 FROM sequences WHERE anchor_key = ? AND session_id = ?',
  trim: `DELETE FROM anchors WHERE key IN (SELECT key FROM (
    SELECT key, sum(size) OVER (ORDER BY used_at DESC, key) AS held FROM anchor_uses WHERE NOT ${isNamed}
  ) WHERE held > ?)`,
  condemn: `UPDATE anchor_uses SET of_session = 2 WHERE of_session = 1 AND NOT ${isNamed}`,
  condemned: 'SELECT key FROM anchor_uses WHERE of_session = 2',
  remove: 'DELETE FROM anchors WHERE key = ?1 AND NOT EXISTS (SELECT 1 FROM sequences WHERE anchor_key = ?1)',
} as const;

const keyRow = z.object({ key: z.string() });

/** Trimming looks at all anchors: it is done once so large a part of what may be there has been written. */
const trimShare = 1 / 64;

/**
 * Anchors by key in a file of sessions. Those that a sequence names stay; of the others (files read ahead, anchors of
 * another model or ratio) the least recently used go first, past a number of bytes.
 *
 * What changes is called within a transaction.
 */
export class AnchorTable {
  readonly #database: StoreDatabase;
  readonly #mostUnnamedBytes: number;
  /** Keys read since the last transaction, with when: reading must not wait for a lock. */
  readonly #used = new Map<string, number>();
  /** Bytes written since the last trimming; at first as many as others may have left. */
  #written = Infinity;
  #latest = 0;

  constructor(database: StoreDatabase, mostUnnamedBytes: number) {
    this.#database = database;
    this.#mostUnnamedBytes = mostUnnamedBytes;
  }

  read(key: string): Uint8Array | undefined {
    const row = this.#database.get(statements.read, anchorRowSchema, key);
    if (row !== undefined) this.#used.set(key, this.#now());
    return row?.bytes;
  }

  has(key: string): boolean {
    const isThere = this.#database.get(statements.has, z.unknown(), key) !== undefined;
    if (isThere) this.#used.set(key, this.#now());
    return isThere;
  }

  /** Anchors of a file that was read ahead; those that are more than all that is allowed are not kept. */
  writeUnnamed(key: string, bytes: Uint8Array): void {
    if (bytes.byteLength > this.#mostUnnamedBytes) return;
    this.#write(key, bytes, 0);
    this.trim();
  }

  /** Anchors that a sequence of the session names; others were forgotten meanwhile, and must not come back. */
  writeOf(sessionId: string, key: string, bytes: Uint8Array): void {
    if (this.#database.get(statements.isNamedBySession, z.unknown(), key, sessionId) === undefined) return;
    this.#write(key, bytes, 1);
    this.claim(key);
  }

  /** A sequence names them from now on, so they go with its session. */
  claim(key: string): void {
    this.#database.run(statements.claim, key);
  }

  /** Removes what no sequence names, past the bytes that are allowed and a little more. */
  trim(): void {
    for (const [key, time] of this.#used) this.#database.run(statements.touch, time, key);
    this.#used.clear();
    if (this.#written < this.#mostUnnamedBytes * trimShare) return;
    this.#database.run(statements.trim, this.#mostUnnamedBytes);
    this.#written = 0;
  }

  /**
   * What was computed from a session's text and is named by none is to be removed: in the transaction that forgets the
   * text, so that it is not kept where the process ends before `removeCondemned`.
   */
  condemnUnnamed(): void {
    this.#database.run(statements.condemn);
  }

  get hasCondemned(): boolean {
    return this.#database.get(statements.condemned, keyRow) !== undefined;
  }

  /** Removes what is condemned, unless it was named again. They may be many, and large: others get their turn meanwhile. */
  async removeCondemned(signal?: AbortSignal): Promise<void> {
    const keys = this.#database.all(statements.condemned, keyRow);
    const steps = keys.map(
      ({ key }) =>
        () =>
          this.#database.run(statements.remove, key),
    );
    await this.#database.transactions(steps, signal);
  }

  /** Milliseconds since the epoch; later than before also where the clock was set back, or stood still. */
  #now(): number {
    this.#latest = Math.max(Date.now(), this.#latest + 1);
    return this.#latest;
  }

  #write(key: string, bytes: Uint8Array, ofSession: 0 | 1): void {
    this.#database.run(statements.write, key, bytes);
    this.#database.run(statements.use, key, this.#now(), bytes.byteLength, ofSession);
    this.#used.delete(key);
    this.#written += bytes.byteLength;
  }
}
