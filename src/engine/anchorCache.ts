import { AnchorageError } from '../protocol/errors.ts';
import { unlimitedAccount, type KvAccount } from './kvAccount.ts';
import type { KvShape } from './kvArenas.ts';
import type { KvNumbers } from './kvNumbers.ts';
import type { KvStorage } from './kvStorage.ts';
import type { PlacedToken } from './placedToken.ts';
import { Rope } from './rope.ts';

const FIRST_CAPACITY = 64;

/** Rows are reserved by so much more than are needed, where the account has them, so that few are ever copied. */
const GROWTH = 1.25;

/**
 * Keys and values of one context: which rows there are, in the order of the text, where each is rotated, and whose it is.
 * Their numbers lie in a `KvStorage`.
 *
 * One call at a time: what is asynchronous must have ended before the next call.
 */
export class AnchorCache {
  readonly layers: number;
  readonly kvHeads: number;
  readonly headDim: number;
  /** Numbers in a row of one block. */
  readonly width: number;
  readonly storage: KvStorage;
  readonly #rope: Rope;
  readonly #account: KvAccount;
  /** Bytes that were taken of the account. */
  #held = 0;
  #rows = 0;
  #positions = new Int32Array(0);
  #sequences = new Int32Array(0);
  #kept = new Uint8Array(0);

  /** @param account of which the storage's bytes are taken. */
  constructor(shape: KvShape, storage: KvStorage, account = unlimitedAccount) {
    this.#account = account;
    this.storage = storage;
    this.layers = shape.num_hidden_layers;
    this.kvHeads = shape.num_key_value_heads;
    this.headDim = shape.head_dim;
    this.width = this.kvHeads * this.headDim;
    this.#rope = new Rope(shape);
  }

  get rows(): number {
    return this.#rows;
  }

  /** Bytes of one row in every layer. */
  get bytesPerRow(): number {
    return this.storage.bytesPerRow;
  }

  /** Bytes of the rows held. */
  get bytes(): number {
    return this.#rows * this.bytesPerRow;
  }

  /** Rows that can be appended before the account refuses. */
  get free(): number {
    const { capacity } = this.storage;
    const perRow = this.storage.bytesAt(1) + this.storage.resizeBytes(1);
    const affordable = Math.floor((this.#account.available + this.#held) / perRow);
    return Math.max(capacity, affordable) - this.#rows;
  }

  /** Position at which each row's key is rotated. */
  get positions(): Int32Array {
    return this.#positions.subarray(0, this.#rows);
  }

  /** Sequence of each row. */
  get sequences(): Int32Array {
    return this.#sequences.subarray(0, this.#rows);
  }

  /** 1 for rows that later sequences see: anchors, and sequences kept whole. */
  get kept(): Uint8Array {
    return this.#kept.subarray(0, this.#rows);
  }

  /**
   * Makes room for so many more rows; a run needs it for its new ones before it starts.
   *
   * @throws AnchorageError `outOfMemory`; the rows stay as they are.
   */
  async reserve(count: number): Promise<void> {
    const rows = this.#rows + count;
    if (rows <= this.storage.capacity) return;
    const wanted = Math.max(FIRST_CAPACITY, Math.ceil(rows * GROWTH));
    await this.#resize(Math.max(rows, Math.min(wanted, this.#rows + this.free)));
  }

  /** As `reserve`, as far as the account has it: rows that come one by one are then not copied. */
  async makeRoom(count: number): Promise<void> {
    await this.reserve(Math.min(count, this.free));
  }

  /**
   * Appends a run's new rows.
   *
   * @param keyValues [2 * layers, tokens, width], keys of layer l at 2l, its values at 2l + 1; null where they are in the
   *   storage already.
   */
  async append(keyValues: KvNumbers | null, tokens: readonly PlacedToken[]): Promise<void> {
    const count = tokens.length;
    if (keyValues !== null && keyValues.length !== 2 * this.layers * count * this.width) {
      throw new AnchorageError('internal', `${count} new rows came with ${keyValues.length} numbers`);
    }
    await this.reserve(count);
    await this.storage.append(this.#rows, keyValues);
    this.#note(tokens);
  }

  /**
   * Appends rows that `fill` writes, block by block as `append` has them, each into [tokens, width].
   *
   * @param rotatedAt positions that their keys are rotated at; they are moved to those of the tokens.
   */
  async appendRotated(
    tokens: readonly PlacedToken[],
    rotatedAt: ArrayLike<number>,
    fill: (block: number, into: Float32Array) => void,
  ): Promise<void> {
    const { width } = this;
    await this.reserve(tokens.length);
    await this.storage.write(this.#rows, tokens.length, (block, into) => {
      fill(block, into);
      if (block % 2 === 1) return;
      tokens.forEach(({ position }, i) => {
        const shift = position - (rotatedAt[i] ?? 0);
        if (shift !== 0) this.#rope.shift(into, i * width, width, shift);
      });
    });
    this.#note(tokens);
  }

  /**
   * Reduction (arXiv 2402.07616, algorithm 1): of the rows from `first` on whose sequence is `closed`, only the kept
   * stay. With `toCacheIndex` a closed row's key is re-rotated to its new index in the cache.
   */
  async reduce(first: number, closed: (sequence: number) => boolean, toCacheIndex: boolean): Promise<void> {
    const rows: number[] = [];
    const positions: number[] = [];
    for (let row = first; row < this.#rows; row++) {
      const isClosed = closed(this.#sequences[row] ?? 0);
      if (isClosed && this.#kept[row] !== 1) continue;
      positions.push(isClosed && toCacheIndex ? first + rows.length : (this.#positions[row] ?? 0));
      rows.push(row);
    }
    await this.#keep(first, rows, positions);
  }

  /** Removes rows from the middle. With `toCacheIndex` the keys of those after them are re-rotated to their new index. */
  async remove(first: number, count: number, toCacheIndex: boolean): Promise<void> {
    const rows = Array.from({ length: this.#rows - first - count }, (_, i) => first + count + i);
    await this.retain(first, rows, toCacheIndex);
  }

  /** Of the rows from `first` on keeps only `rows`, ascending; `toCacheIndex` as `remove` has it. */
  async retain(first: number, rows: readonly number[], toCacheIndex: boolean): Promise<void> {
    const positions = rows.map((row, i) => (toCacheIndex ? first + i : (this.#positions[row] ?? 0)));
    await this.#keep(first, rows, positions);
  }

  /** Forgets the rows from `rows` on. */
  truncate(rows: number): void {
    this.#rows = Math.min(this.#rows, rows);
  }

  /**
   * Gives back the memory of rows that are not in use, where there is some to copy the others into.
   *
   * @param wanted rows that something else needs: nothing is copied where the account has room for them already.
   */
  async trim(wanted?: number): Promise<void> {
    if (wanted !== undefined && this.#account.available >= wanted * this.bytesPerRow) return;
    if (this.#rows === 0) this.release();
    else if (this.storage.capacity > this.#rows && this.#account.available >= this.storage.resizeBytes(this.#rows)) {
      await this.#resize(this.#rows);
    }
  }

  /** Forgets every row and gives all memory back; the cache can be used again. */
  release(): void {
    this.#rows = 0;
    this.storage.release();
    this.#account.give(this.#held);
    this.#held = 0;
  }

  /** A copy of rows [first, first + count) in the layout that `append` takes. */
  async copyRows(first: number, count: number): Promise<Float32Array> {
    return this.storage.read(first, count);
  }

  #note(tokens: readonly PlacedToken[]): void {
    tokens.forEach((token, i) => {
      this.#positions[this.#rows + i] = token.position;
      this.#sequences[this.#rows + i] = token.sequence;
      this.#kept[this.#rows + i] = token.kept ? 1 : 0;
    });
    this.#rows += tokens.length;
  }

  /** Of the rows from `first` on only `rows` stay, their keys at `positions`. */
  async #keep(first: number, rows: readonly number[], positions: readonly number[]): Promise<void> {
    const shifts = Int32Array.from(rows, (row, i) => (positions[i] ?? 0) - (this.#positions[row] ?? 0));
    const stays = rows.every((row, i) => row === first + i && shifts[i] === 0);
    if (!stays) await this.storage.keep(first, Int32Array.from(rows), shifts);
    rows.forEach((row, i) => {
      this.#positions[first + i] = positions[i] ?? 0;
      this.#sequences[first + i] = this.#sequences[row] ?? 0;
      this.#kept[first + i] = this.#kept[row] ?? 0;
    });
    this.#rows = first + rows.length;
  }

  async #resize(capacity: number): Promise<void> {
    const { storage } = this;
    const needed = Math.max(0, storage.bytesAt(capacity) - this.#held) + storage.resizeBytes(capacity);
    this.#account.take(needed);
    try {
      await storage.resize(capacity, this.#rows);
    } finally {
      const held = storage.bytesAt(storage.capacity);
      this.#account.give(this.#held + needed - held);
      this.#held = held;
    }
    this.#positions = resized(this.#positions, new Int32Array(capacity), this.#rows);
    this.#sequences = resized(this.#sequences, new Int32Array(capacity), this.#rows);
    this.#kept = resized(this.#kept, new Uint8Array(capacity), this.#rows);
  }
}

function resized<T extends Int32Array | Uint8Array>(from: T, to: T, count: number): T {
  to.set(from.subarray(0, count));
  return to;
}
