import type { Tensor } from 'onnxruntime-node';
import { AnchorageError } from '../protocol/errors.ts';

/**
 * A decoder's device: whether it answers, and the buffers of keys and values that are there. Nothing there is freed by itself: every buffer that is
 * made is counted until it is given back.
 */
export class DeviceMemory {
  /** Bytes that may be taken at a time. */
  readonly limit: number;
  readonly #sizes = new Map<Tensor, number>();
  #bytes = 0;
  #problem: string | null = null;

  constructor(limit = Infinity) {
    this.limit = limit;
  }

  get buffers(): number {
    return this.#sizes.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Notes that the device is gone: nothing is asked of it any more, since a call may never end. */
  lose(problem: string): void {
    this.#problem = problem;
  }

  /** @throws AnchorageError `deviceFailed` once the device is gone. */
  needDevice(): void {
    if (this.#problem !== null) throw deviceFailed(this.#problem);
  }

  /** @throws AnchorageError `deviceFailed` where so many bytes more would be beyond the limit. */
  check(bytes: number): void {
    if (this.#bytes + bytes <= this.limit) return;
    throw deviceFailed(
      `its memory is full: ${this.#bytes} bytes of keys and values are there, ${bytes} more are needed`,
    );
  }

  /** Takes over a buffer. */
  own(buffer: Tensor, bytes: number): Tensor {
    this.#sizes.set(buffer, bytes);
    this.#bytes += bytes;
    return buffer;
  }

  free(buffer: Tensor): void {
    const bytes = this.#sizes.get(buffer);
    if (bytes === undefined) return;
    this.#sizes.delete(buffer);
    this.#bytes -= bytes;
    if (this.#problem === null) buffer.dispose();
  }

  /** Frees what no cache has given back, before the device goes. */
  freeAll(): void {
    for (const buffer of [...this.#sizes.keys()]) this.free(buffer);
  }
}

/** The error of a device that cannot go on. What is there may be lost; the same can be done on the CPU. */
export function deviceFailed(problem: string, cause?: unknown): AnchorageError {
  return new AnchorageError(
    'deviceFailed',
    `The GPU failed: ${problem}.`,
    'Go on on the CPU: set anchorage.model.executionProvider to cpu.',
    { cause },
  );
}
