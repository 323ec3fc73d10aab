import type { SealedSequence } from './sealedSequence.ts';

/** Attention that rows receive during a reading: of each row the largest that one of its runs gave it. */
export class ReceivedAttention {
  readonly #rows: Float64Array;

  /** @param rows cached before the reading. */
  constructor(rows: number) {
    this.#rows = new Float64Array(rows);
  }

  readonly note = (row: number, probability: number): void => {
    this.#rows[row] = Math.max(this.#rows[row] ?? 0, probability);
  };

  /** Sums over each sequence's rows. */
  of(sequences: readonly SealedSequence[]): number[] {
    return sequences.map(({ firstRow, rows }) =>
      this.#rows.subarray(firstRow, firstRow + rows).reduce((sum, value) => sum + value, 0),
    );
  }
}
