import type { KvAccount } from '../engine/kvAccount.ts';
import { AnchorageError } from '../protocol/errors.ts';

/** The byte budget that all sessions of a model share: nothing is taken beyond it. */
export class KvBudget implements KvAccount {
  readonly limit: number;
  #used: number;
  #largest: number;

  /** @param reserved bytes of the limit that something else takes all the time. */
  constructor(limit: number, reserved = 0) {
    this.limit = limit;
    this.#used = reserved;
    this.#largest = reserved;
  }

  get used(): number {
    return this.#used;
  }

  /** Most bytes that were ever taken at a time. */
  get largest(): number {
    return this.#largest;
  }

  get available(): number {
    return Math.max(0, this.limit - this.#used);
  }

  take(bytes: number): void {
    if (bytes > this.available) {
      throw new AnchorageError(
        'outOfMemory',
        `The memory budget of ${megabytes(this.limit)} MB is used up: ${megabytes(this.#used)} MB are taken, and ${megabytes(bytes)} MB more are needed.`,
        'Raise anchorage.memory.budgetMB or the ratio, or ask about less text.',
      );
    }
    this.#used += bytes;
    this.#largest = Math.max(this.#largest, this.#used);
  }

  give(bytes: number): void {
    this.#used -= bytes;
  }
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}
