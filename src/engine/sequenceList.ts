import { AnchorageError } from '../protocol/errors.ts';
import type { SealedSequence } from './sealedSequence.ts';
import type { Mark } from './sequenceReader.ts';

interface Entry {
  readonly sequence: SealedSequence;
  /** Where the reader stood before the sequence. */
  readonly start: Mark;
}

/** What a sequence is, without its place in a context. */
export type SequenceRecord = Omit<SealedSequence, 'index' | 'firstRow' | 'rows' | 'span'>;

/** The sequences of a context in the order of the text, with the rows that each holds and where each began. */
export class SequenceList {
  #entries: readonly Entry[] = [];

  /** Tokens of their text. */
  get textTokens(): number {
    return this.#entries.reduce((sum, { sequence }) => sum + sequence.textTokens, 0);
  }

  get sequences(): readonly SealedSequence[] {
    return this.#entries.map(({ sequence }) => sequence);
  }

  /** First row of the first sequence; null without any. */
  get firstRow(): number | null {
    return this.#entries[0]?.sequence.firstRow ?? null;
  }

  /** @throws AnchorageError `internal` when there is no such sequence. */
  at(index: number): Entry {
    const entry = this.#entries[index];
    if (entry === undefined) throw new AnchorageError('internal', `There is no sequence ${index}.`);
    return entry;
  }

  /** Adds the sequence that was read from `start` to `end`. */
  add(start: Mark, end: Mark, record: SequenceRecord): SealedSequence {
    const sequence: SealedSequence = {
      ...record,
      index: this.#entries.length,
      firstRow: start.rows,
      rows: end.rows - start.rows,
      span: end.textPosition - start.textPosition,
    };
    this.#entries = [...this.#entries, { sequence, start }];
    return sequence;
  }

  /** Forgets the sequences from `index` on; gives where the first of them began, null when there is none. */
  cut(index: number): Mark | null {
    const start = this.#entries[index]?.start ?? null;
    this.#entries = this.#entries.slice(0, index);
    return start;
  }

  /** Takes one sequence out; those after it move up by its rows. */
  remove(index: number): void {
    const { rows } = this.at(index).sequence;
    const moved = this.#entries.slice(index + 1).map(({ sequence, start }) => ({
      sequence: { ...sequence, index: sequence.index - 1, firstRow: sequence.firstRow - rows },
      start: { ...start, rows: start.rows - rows },
    }));
    this.#entries = [...this.#entries.slice(0, index), ...moved];
  }

  /** Notes that of the sequences' rows only `kept` stay, ascending rows of the cache; the others behind them moved up. */
  retain(kept: readonly number[]): void {
    let next = this.firstRow ?? 0;
    this.#entries = this.#entries.map(({ sequence, start }) => {
      const end = sequence.firstRow + sequence.rows;
      const rows = kept.filter((row) => row >= sequence.firstRow && row < end).length;
      const firstRow = next;
      next += rows;
      const state = rows < sequence.rows ? 'anchored' : sequence.state;
      return { sequence: { ...sequence, firstRow, rows, state }, start: { ...start, rows: firstRow } };
    });
  }
}
