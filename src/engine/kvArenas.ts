import type { DecoderConfig } from '../protocol/decoderConfig.ts';
import { AnchorageError, messageOf } from '../protocol/errors.ts';
import { kvNumbers, setNumbers, singles, type KvNumbers, type KvPrecision } from './kvNumbers.ts';
import type { KvStorage } from './kvStorage.ts';
import { Rope } from './rope.ts';

/** What of a decoder decides how its keys and values lie in memory. */
export type KvShape = Pick<
  DecoderConfig,
  'num_hidden_layers' | 'num_key_value_heads' | 'head_dim' | 'rope_theta' | 'rope_scaling'
>;

/**
 * Rows in this process's memory: per layer two arenas [capacity, kv_heads * head_dim]. The split graph reads the first of
 * them as views; nothing is copied on the way in.
 */
export class KvArenas implements KvStorage {
  readonly precision: KvPrecision;
  readonly bytesPerRow: number;
  readonly #width: number;
  readonly #rope: Rope;
  /** Keys of layer l at 2l, its values at 2l + 1. */
  readonly #arenas: KvNumbers[];
  /** What an empty cache shows: the graph cannot multiply by nothing. */
  readonly #zeros: KvNumbers;
  #capacity = 0;

  constructor(shape: KvShape, precision: KvPrecision) {
    this.precision = precision;
    this.#width = shape.num_key_value_heads * shape.head_dim;
    this.#rope = new Rope(shape);
    this.#arenas = Array.from({ length: 2 * shape.num_hidden_layers }, () => kvNumbers(precision, 0));
    this.#zeros = kvNumbers(precision, this.#width);
    this.bytesPerRow = this.#arenas.length * this.#zeros.byteLength;
  }

  get capacity(): number {
    return this.#capacity;
  }

  bytesAt(capacity: number): number {
    return capacity * this.bytesPerRow;
  }

  /** One of the arenas is there twice. */
  resizeBytes(capacity: number): number {
    return capacity * this.#zeros.byteLength;
  }

  /** View of the first rows of a block, [max(1, rows), kv_heads, head_dim]: no rows show one of zeros. */
  view(block: number, rows: number): KvNumbers {
    return rows === 0 ? this.#zeros : this.#arena(block).subarray(0, rows * this.#width);
  }

  /** One arena after another is copied into a new one, so that no more than one is there twice. */
  async resize(capacity: number, rows: number): Promise<void> {
    try {
      for (const [block, arena] of this.#arenas.entries()) {
        const resized = kvNumbers(this.precision, capacity * this.#width);
        setNumbers(resized, arena.subarray(0, rows * this.#width), 0);
        this.#arenas[block] = resized;
      }
      this.#capacity = capacity;
    } catch (error) {
      // Some arenas have the new size by now; all hold their rows.
      this.#capacity = Math.min(this.#capacity, capacity);
      throw new AnchorageError(
        'outOfMemory',
        `No memory for ${capacity} rows of keys and values: ${messageOf(error)}`,
        'Close other programs, raise the ratio, or start a new session.',
        { cause: error },
      );
    }
  }

  async append(rows: number, keyValues: KvNumbers | null): Promise<void> {
    if (keyValues === null) throw new AnchorageError('internal', 'A run on the CPU gave no keys and values.');
    const block = keyValues.length / this.#arenas.length;
    for (const [n, arena] of this.#arenas.entries()) {
      setNumbers(arena, keyValues.subarray(n * block, (n + 1) * block), rows * this.#width);
    }
  }

  async write(rows: number, count: number, fill: (block: number, into: Float32Array) => void): Promise<void> {
    const into = new Float32Array(count * this.#width);
    for (const [n, arena] of this.#arenas.entries()) {
      if (arena instanceof Float32Array) {
        fill(n, arena.subarray(rows * this.#width, (rows + count) * this.#width));
        continue;
      }
      fill(n, into);
      setNumbers(arena, into, rows * this.#width);
    }
  }

  async read(first: number, count: number): Promise<Float32Array> {
    const block = count * this.#width;
    const out = new Float32Array(this.#arenas.length * block);
    for (const [n, arena] of this.#arenas.entries()) {
      setNumbers(out, arena.subarray(first * this.#width, first * this.#width + block), n * block);
    }
    return out;
  }

  async keep(first: number, kept: Int32Array, shifts: Int32Array): Promise<void> {
    const width = this.#width;
    const moves = stretches(first, kept);
    for (const arena of this.#arenas) {
      for (const { from, to, count } of moves) arena.copyWithin(to * width, from * width, (from + count) * width);
    }
    shifts.forEach((shift, i) => {
      if (shift === 0) return;
      for (let n = 0; n < this.#arenas.length; n += 2) {
        const key = this.#arena(n).subarray((first + i) * width, (first + i + 1) * width);
        const rotated = singles(key);
        this.#rope.shift(rotated, 0, width, shift);
        if (key !== rotated) setNumbers(key, rotated, 0);
      }
    });
  }

  release(): void {
    this.#arenas.fill(kvNumbers(this.precision, 0));
    this.#capacity = 0;
  }

  #arena(block: number): KvNumbers {
    const arena = this.#arenas[block];
    if (arena === undefined) throw new AnchorageError('internal', 'The cache has no such layer.');
    return arena;
  }
}

/** Rows that move down together. */
function stretches(first: number, kept: Int32Array): { from: number; to: number; count: number }[] {
  const moves: { from: number; to: number; count: number }[] = [];
  kept.forEach((from, i) => {
    const to = first + i;
    const last = moves.at(-1);
    if (last !== undefined && last.from + last.count === from) last.count++;
    else if (from !== to) moves.push({ from, to, count: 1 });
  });
  return moves;
}
