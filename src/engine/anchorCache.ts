import type { DecoderConfig } from '../protocol/decoderConfig.ts';
import { AnchorageError, messageOf } from '../protocol/errors.ts';
import { unlimitedAccount, type KvAccount } from './kvAccount.ts';
import type { PlacedToken } from './placedToken.ts';
import { Rope } from './rope.ts';

type CacheShape = Pick<
  DecoderConfig,
  'num_hidden_layers' | 'num_key_value_heads' | 'head_dim' | 'rope_theta' | 'rope_scaling'
>;

const FIRST_CAPACITY = 64;

/** Rows are reserved by so much more than are needed, where the account has them, so that few are ever copied. */
const GROWTH = 1.25;

/**
 * Keys and values of one context: per layer two arenas [capacity, kv_heads * head_dim], rows in the order of the text.
 *
 * The graph reads the first `rows` rows as views; nothing is copied on the way in. Keys are rotated already.
 */
export class AnchorCache {
  readonly layers: number;
  readonly kvHeads: number;
  readonly headDim: number;
  /** Numbers in a row of one arena. */
  readonly width: number;
  readonly #rope: Rope;
  readonly #account: KvAccount;
  #rows = 0;
  #capacity = 0;
  readonly #keys: Float32Array[];
  readonly #values: Float32Array[];
  #positions = new Int32Array(0);
  #sequences = new Int32Array(0);
  #kept = new Uint8Array(0);

  /** @param account of which the arenas' bytes are taken. */
  constructor(shape: CacheShape, account = unlimitedAccount) {
    this.#account = account;
    this.layers = shape.num_hidden_layers;
    this.kvHeads = shape.num_key_value_heads;
    this.headDim = shape.head_dim;
    this.width = this.kvHeads * this.headDim;
    this.#rope = new Rope(shape);
    this.#keys = Array.from({ length: this.layers }, () => new Float32Array(0));
    this.#values = Array.from({ length: this.layers }, () => new Float32Array(0));
  }

  get rows(): number {
    return this.#rows;
  }

  /** Bytes of one row in every layer. */
  get bytesPerRow(): number {
    return 2 * this.layers * this.width * Float32Array.BYTES_PER_ELEMENT;
  }

  /** Bytes of the rows held. */
  get bytes(): number {
    return this.#rows * this.bytesPerRow;
  }

  /** Rows that can be appended before the account refuses. */
  get free(): number {
    // While arenas grow, one of them is there twice.
    const affordable = (this.#account.available / this.bytesPerRow + this.#capacity) / (1 + 1 / (2 * this.layers));
    return Math.max(this.#capacity, Math.floor(affordable)) - this.#rows;
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

  /** View of a layer's keys, [max(1, rows), kv_heads, head_dim]: an empty cache shows one row of zeros. */
  keys(layer: number): Float32Array {
    if (this.#capacity === 0) this.#reserve(1);
    return this.#view(this.#keys[layer]);
  }

  /** View of a layer's values, as `keys`. */
  values(layer: number): Float32Array {
    if (this.#capacity === 0) this.#reserve(1);
    return this.#view(this.#values[layer]);
  }

  /** Appends a run's new rows, [2 * layers, tokens, width]: keys of layer l at 2l, its values at 2l + 1. */
  append(keyValues: Float32Array, tokens: readonly PlacedToken[]): void {
    const count = tokens.length;
    if (keyValues.length !== 2 * this.layers * count * this.width) {
      throw new AnchorageError('internal', `${count} new rows came with ${keyValues.length} numbers`);
    }
    const block = count * this.width;
    this.appendBlocks(tokens, (n, into) => into.set(keyValues.subarray(n * block, (n + 1) * block)));
  }

  /** Appends rows that `fill` writes in place: into [tokens, width], block 2l for keys of layer l, 2l + 1 for its values. */
  appendBlocks(tokens: readonly PlacedToken[], fill: (block: number, into: Float32Array) => void): void {
    const count = tokens.length;
    this.#reserve(this.#rows + count);
    const from = this.#rows * this.width;
    const to = from + count * this.width;
    this.#keys.forEach((arena, layer) => fill(2 * layer, arena.subarray(from, to)));
    this.#values.forEach((arena, layer) => fill(2 * layer + 1, arena.subarray(from, to)));
    tokens.forEach((token, i) => {
      this.#positions[this.#rows + i] = token.position;
      this.#sequences[this.#rows + i] = token.sequence;
      this.#kept[this.#rows + i] = token.kept ? 1 : 0;
    });
    this.#rows += count;
  }

  /**
   * Reduction (arXiv 2402.07616, algorithm 1): of the rows from `first` on whose sequence is `closed`, only the kept
   * stay. With `toCacheIndex` a closed row's key is re-rotated to its new index in the cache.
   */
  reduce(first: number, closed: (sequence: number) => boolean, toCacheIndex: boolean): void {
    let to = first;
    for (let from = first; from < this.#rows; from++) {
      const isClosed = closed(this.#sequences[from] ?? 0);
      if (isClosed && this.#kept[from] !== 1) continue;
      this.#move(from, to);
      if (isClosed && toCacheIndex) this.rerotate(to, to);
      to++;
    }
    this.#rows = to;
  }

  /** Moves the key of a row, in every layer, to another position: exact, since rotations add up. */
  rerotate(row: number, position: number): void {
    const shift = position - (this.#positions[row] ?? 0);
    this.#positions[row] = position;
    if (shift === 0) return;
    for (const arena of this.#keys) this.#rope.shift(arena, row * this.width, this.width, shift);
  }

  /** Forgets the rows from `rows` on. */
  truncate(rows: number): void {
    this.#rows = Math.min(this.#rows, rows);
  }

  /** Removes rows from the middle. With `toCacheIndex` the keys of those after them are re-rotated to their new index. */
  remove(first: number, count: number, toCacheIndex: boolean): void {
    for (let from = first + count; from < this.#rows; from++) {
      this.#move(from, from - count);
      if (toCacheIndex) this.rerotate(from - count, from - count);
    }
    this.#rows -= count;
  }

  /**
   * Gives back the memory of rows that are not in use, where there is some to copy the others into.
   *
   * @param wanted rows that something else needs: nothing is copied where the account has room for them already.
   */
  trim(wanted?: number): void {
    if (wanted !== undefined && this.#account.available >= wanted * this.bytesPerRow) return;
    if (this.#capacity > this.#rows && this.#account.available >= this.#arenaBytes(this.#rows))
      this.#resize(this.#rows);
  }

  /** A copy of rows [first, first + count) in the layout that `append` takes. */
  copyRows(first: number, count: number): Float32Array {
    const block = count * this.width;
    const out = new Float32Array(2 * this.layers * block);
    for (let layer = 0; layer < this.layers; layer++) {
      out.set(this.keys(layer).subarray(first * this.width, first * this.width + block), 2 * layer * block);
      out.set(this.values(layer).subarray(first * this.width, first * this.width + block), (2 * layer + 1) * block);
    }
    return out;
  }

  /** Makes room for so many more rows, as far as the account has it: rows that come one by one are then not copied. */
  makeRoom(count: number): void {
    this.#reserve(this.#rows + Math.min(count, this.free));
  }

  #view(arena: Float32Array | undefined): Float32Array {
    if (arena === undefined) throw new AnchorageError('internal', 'The cache has no such layer.');
    if (this.#rows === 0) arena.fill(0, 0, this.width);
    return arena.subarray(0, Math.max(1, this.#rows) * this.width);
  }

  #move(from: number, to: number): void {
    if (from === to) return;
    const { width } = this;
    for (const arena of this.#keys) arena.copyWithin(to * width, from * width, (from + 1) * width);
    for (const arena of this.#values) arena.copyWithin(to * width, from * width, (from + 1) * width);
    this.#positions[to] = this.#positions[from] ?? 0;
    this.#sequences[to] = this.#sequences[from] ?? 0;
    this.#kept[to] = this.#kept[from] ?? 0;
  }

  #arenaBytes(rows: number): number {
    return rows * this.width * Float32Array.BYTES_PER_ELEMENT;
  }

  #reserve(rows: number): void {
    if (rows <= this.#capacity) return;
    const wanted = Math.max(FIRST_CAPACITY, Math.ceil(rows * GROWTH));
    this.#resize(Math.max(rows, Math.min(wanted, this.#rows + this.free)));
  }

  /** One arena after another is copied into a new one, so that no more than one is there twice. */
  #resize(capacity: number): void {
    const more = (capacity - this.#capacity) * this.bytesPerRow;
    const meanwhile = this.#arenaBytes(capacity);
    this.#account.take(Math.max(0, more) + meanwhile);
    try {
      for (const arenas of [this.#keys, this.#values]) {
        for (const [layer, arena] of arenas.entries()) {
          const resized = new Float32Array(capacity * this.width);
          resized.set(arena.subarray(0, this.#rows * this.width));
          arenas[layer] = resized;
        }
      }
    } catch (error) {
      // Some arenas have the new size by now; all hold their rows.
      this.#account.give(Math.max(0, more));
      this.#capacity = Math.min(this.#capacity, capacity);
      throw new AnchorageError(
        'outOfMemory',
        `No memory for ${capacity} rows of keys and values: ${messageOf(error)}`,
        'Close other programs, raise the ratio, or start a new session.',
        { cause: error },
      );
    } finally {
      this.#account.give(meanwhile);
    }
    this.#account.give(Math.max(0, -more));
    this.#positions = resized(this.#positions, new Int32Array(capacity), this.#rows);
    this.#sequences = resized(this.#sequences, new Int32Array(capacity), this.#rows);
    this.#kept = resized(this.#kept, new Uint8Array(capacity), this.#rows);
    this.#capacity = capacity;
  }
}

function resized<T extends Int32Array | Uint8Array>(from: T, to: T, count: number): T {
  to.set(from.subarray(0, count));
  return to;
}
