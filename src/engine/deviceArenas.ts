import type { Tensor } from 'onnxruntime-node';
import { deviceFailed } from './deviceMemory.ts';
import type { DeviceRows } from './deviceRows.ts';
import type { KvStorage } from './kvStorage.ts';

/**
 * Rows on a device, which they leave for export alone: per layer two buffers `[1, kv_heads, capacity, head_dim]`, into which
 * the decoder's own graph writes new rows.
 */
export class DeviceArenas implements KvStorage {
  readonly bytesPerRow: number;
  readonly #rows: DeviceRows;
  readonly #blocks: number;
  readonly #width: number;
  /** Keys of layer l at 2l, its values at 2l + 1; none at a capacity of 0. */
  #buffers: Tensor[] = [];
  #capacity = 0;

  constructor(rows: DeviceRows) {
    this.#rows = rows;
    this.#blocks = 2 * rows.shape.num_hidden_layers;
    this.#width = rows.size(1);
    this.bytesPerRow = this.#blocks * this.#width * Float32Array.BYTES_PER_ELEMENT;
  }

  get capacity(): number {
    return this.#capacity;
  }

  get buffers(): readonly Tensor[] {
    return this.#buffers;
  }

  bytesAt(capacity: number): number {
    return capacity * this.bytesPerRow;
  }

  /** One of the buffers is there twice. */
  resizeBytes(capacity: number): number {
    return capacity * this.#width * Float32Array.BYTES_PER_ELEMENT;
  }

  async resize(capacity: number, rows: number): Promise<void> {
    if (rows === 0) this.release();
    const before = this.#capacity;
    // Where one of them fails, all hold at least so many.
    this.#capacity = Math.min(before, capacity);
    for (let block = 0; block < this.#blocks; block++) {
      const buffer = this.#buffers[block];
      if (buffer === undefined) {
        this.#buffers.push(await this.#rows.allocate(capacity));
        continue;
      }
      this.#buffers[block] = await this.#rows.resize(buffer, capacity, rows);
      this.#rows.memory.free(buffer);
    }
    this.#capacity = capacity;
  }

  /** A run has written its rows itself. */
  async append(_rows: number, keyValues: unknown): Promise<void> {
    if (keyValues !== null) throw deviceFailed('it gave keys and values in place of keeping them');
  }

  async write(rows: number, count: number, fill: (block: number, into: Float32Array) => void): Promise<void> {
    const block = count * this.#width;
    const written = new Float32Array(this.#blocks * block);
    for (let n = 0; n < this.#blocks; n++) fill(n, written.subarray(n * block, (n + 1) * block));
    await this.#rows.write(this.#buffers, rows, written);
  }

  async read(first: number, count: number): Promise<Float32Array> {
    return this.#rows.read(this.#buffers, first, count);
  }

  async keep(first: number, kept: Int32Array, shifts: Int32Array): Promise<void> {
    if (kept.length > 0) await this.#rows.keep(this.#buffers, first, kept, shifts);
  }

  release(): void {
    for (const buffer of this.#buffers) this.#rows.memory.free(buffer);
    this.#buffers = [];
    this.#capacity = 0;
  }
}
