import { AnchorageError } from '../protocol/errors.ts';
import type { KvStorage } from './kvStorage.ts';

/**
 * Rows on a device for as long as it answers, then in this process's memory. A call that the device fails is done again
 * there, with all rows that were on the device; where they cannot be read any more, they are lost.
 */
export class FallbackStorage implements KvStorage {
  readonly #leaveDevice: (problem: AnchorageError) => Promise<KvStorage>;
  #current: KvStorage;
  #hasLeft = false;
  /** Why rows that the cache counts on are not there, until it lets them go. */
  #lost: AnchorageError | null = null;

  /** @param leaveDevice gives an empty storage in memory. */
  constructor(device: KvStorage, leaveDevice: (problem: AnchorageError) => Promise<KvStorage>) {
    this.#current = device;
    this.#leaveDevice = leaveDevice;
  }

  /** Where the rows are. @throws AnchorageError `deviceFailed` where they were lost. */
  get current(): KvStorage {
    if (this.#lost !== null) throw this.#lost;
    return this.#current;
  }

  get capacity(): number {
    return this.#current.capacity;
  }

  get bytesPerRow(): number {
    return this.#current.bytesPerRow;
  }

  bytesAt(capacity: number): number {
    return this.#current.bytesAt(capacity);
  }

  resizeBytes(capacity: number): number {
    return this.#current.resizeBytes(capacity);
  }

  resize(capacity: number, rows: number): Promise<void> {
    return this.#do((storage) => storage.resize(capacity, rows));
  }

  append(...args: Parameters<KvStorage['append']>): Promise<void> {
    return this.#do((storage) => storage.append(...args));
  }

  write(...args: Parameters<KvStorage['write']>): Promise<void> {
    return this.#do((storage) => storage.write(...args));
  }

  read(first: number, count: number): Promise<Float32Array> {
    return this.#do((storage) => storage.read(first, count));
  }

  keep(first: number, kept: Int32Array, shifts: Int32Array): Promise<void> {
    return this.#do((storage) => storage.keep(first, kept, shifts));
  }

  release(): void {
    this.#lost = null;
    this.#current.release();
  }

  /**
   * Moves the rows into memory, if they are not there yet.
   *
   * @throws AnchorageError `deviceFailed` where they cannot be read: what was in the cache must be made again.
   */
  async leave(problem: AnchorageError): Promise<void> {
    if (this.#lost !== null) throw this.#lost;
    if (this.#hasLeft) return;
    const device = this.#current;
    const memory = await this.#leaveDevice(problem);
    this.#hasLeft = true;
    this.#current = memory;
    const { capacity } = device;
    try {
      if (capacity === 0) return;
      const rows = await device.read(0, capacity);
      await memory.resize(capacity, 0);
      await memory.write(0, capacity, (block, into) => {
        into.set(rows.subarray(block * into.length, (block + 1) * into.length));
      });
    } catch (error) {
      if (AnchorageError.is(error, 'deviceFailed')) this.#lost = error;
      throw error;
    } finally {
      device.release();
    }
  }

  async #do<T>(call: (storage: KvStorage) => Promise<T>): Promise<T> {
    try {
      return await call(this.current);
    } catch (error) {
      if (this.#hasLeft || !AnchorageError.is(error, 'deviceFailed')) throw error;
      await this.leave(error);
      return call(this.current);
    }
  }
}

/** Where the rows of a storage are. */
export function placeOf(storage: KvStorage): KvStorage {
  return storage instanceof FallbackStorage ? storage.current : storage;
}
