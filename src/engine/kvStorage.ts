import type { KvNumbers } from './kvNumbers.ts';

/**
 * Where the rows of an `AnchorCache` lie: in this process's memory, or on a device. The cache keeps the books (which rows
 * there are, and what they are); a storage holds their numbers, and knows rows by their index alone.
 *
 * A row is [width] keys and as many values in every layer. In lists of blocks, block 2l holds the keys of layer l and
 * 2l + 1 its values, each [rows, width]. Keys are rotated already. One call at a time.
 */
export interface KvStorage {
  /** Rows that there is memory for. */
  readonly capacity: number;
  /** Bytes of one row in every layer. */
  readonly bytesPerRow: number;
  /** Bytes that are held at a capacity. */
  bytesAt(capacity: number): number;
  /** Bytes that a resize to a capacity takes beside them, for as long as it runs. */
  resizeBytes(capacity: number): number;
  /**
   * Changes the capacity; the first `rows` rows stay.
   *
   * @throws AnchorageError `outOfMemory`; the rows are then where they were, in what `capacity` says.
   */
  resize(capacity: number, rows: number): Promise<void>;
  /** Puts a run's new rows, all blocks one after another, behind the first `rows`; null where the run has put them there. */
  append(rows: number, keyValues: KvNumbers | null): Promise<void>;
  /** Puts `count` rows behind the first `rows`: `fill` writes each block, [count, width]. */
  write(rows: number, count: number, fill: (block: number, into: Float32Array) => void): Promise<void>;
  /** Copies rows [first, first + count), all blocks one after another. */
  read(first: number, count: number): Promise<Float32Array>;
  /**
   * Row `first + i` becomes what row `kept[i]` was, its key rotated by `shifts[i]` positions. `kept` ascends, so that no row
   * moves up.
   */
  keep(first: number, kept: Int32Array, shifts: Int32Array): Promise<void>;
  /** Frees everything. */
  release(): void;
}
