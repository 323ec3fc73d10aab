import { statSync } from 'node:fs';
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import { setImmediate as eventLoopTurn } from 'node:timers/promises';
import { z } from 'zod';
import { AnchorageError, messageOf } from '../protocol/errors.ts';
import { isDamaged, isLocked, lockedRemedy } from './openDatabase.ts';
import { transaction } from './schema.ts';

const checkpointRow = z.object({ busy: z.int() });
const freePagesRow = z.object({ freelist_count: z.int() });

/** Milliseconds that erasing takes at a time before others get a turn, and pages that are given back in one go. */
const longestBusy = 20;
const slicePages = 256;

/**
 * An open file of sessions: its statements, prepared once, with rows validated and errors as `storageUnavailable`, and
 * what has to hold before anything is written to it.
 */
export class StoreDatabase {
  readonly #file: string;
  readonly #database: DatabaseSync;
  readonly #refusal: AnchorageError | null;
  readonly #prepared = new Map<string, StatementSync>();
  readonly #identity: string;
  #isLogStale = false;

  /** @param refusal thrown at every write, for a file that is only read. */
  constructor(file: string, database: DatabaseSync, refusal: AnchorageError | null) {
    this.#file = file;
    this.#database = database;
    this.#refusal = refusal;
    this.#identity = identityOf(file);
  }

  all<S extends z.ZodType>(sql: string, schema: S, ...values: SQLInputValue[]): z.output<S>[] {
    return this.#guarded(() =>
      this.#statement(sql)
        .all(...values)
        .map((row) => schema.parse(row)),
    );
  }

  get<S extends z.ZodType>(sql: string, schema: S, ...values: SQLInputValue[]): z.output<S> | undefined {
    return this.#guarded(() => {
      const row = this.#statement(sql).get(...values);
      return row === undefined ? undefined : schema.parse(row);
    });
  }

  /** Row by row, as far as they are asked for. */
  *each<S extends z.ZodType>(sql: string, schema: S, ...values: SQLInputValue[]): Generator<z.output<S>> {
    // Prepared for this walk alone: it may be left before its end.
    const rows = this.#guarded(() => this.#database.prepare(sql).iterate(...values));
    try {
      for (;;) {
        const { done, value } = this.#guarded(() => rows.next());
        if (done === true) return;
        yield this.#guarded(() => schema.parse(value));
      }
    } finally {
      // A walk that is left open would hold on to the state of now, and nothing could be written after another process.
      rows.return?.();
    }
  }

  /** Only within `transaction`. */
  run(sql: string, ...values: SQLInputValue[]): void {
    this.#statement(sql).run(...values);
  }

  /** @throws AnchorageError `storageUnavailable`; then nothing was written. */
  transaction(work: () => void): void {
    if (this.#refusal !== null) throw this.#refusal;
    this.#guarded(() => {
      if (identityOf(this.#file) !== this.#identity) throw this.#movedAway();
      transaction(this.#database, work);
    });
    if (this.#isLogStale) this.#eraseLog();
  }

  /**
   * Runs steps in transactions of some milliseconds, between which others get their turn, and `signal` may end it. Where
   * the file is closed meanwhile, the rest is not done.
   */
  async transactions(steps: readonly (() => void)[], signal?: AbortSignal): Promise<void> {
    for (let done = 0; done < steps.length && !this.#isClosed();) {
      signal?.throwIfAborted();
      this.transaction(() => {
        const begin = performance.now();
        while (done < steps.length && performance.now() - begin < longestBusy) steps[done++]?.();
      });
      await eventLoopTurn();
    }
  }

  /**
   * Leaves nothing of what was removed in the file: free pages are overwritten already and are given back here, and the
   * log, which still has what stood in them, is emptied. Others get their turn meanwhile.
   *
   * @throws AnchorageError `storageUnavailable` while another program reads from the log; it is tried again at the next
   * write and at the end.
   */
  async eraseFree(signal?: AbortSignal): Promise<void> {
    if (this.#isClosed()) return;
    this.#isLogStale = true;
    // A file that was made without `auto_vacuum` keeps its free pages.
    for (let before = Infinity, free = this.#freePages; free > 0 && free < before; free = this.#freePages) {
      before = free;
      this.#guarded(() => this.#database.exec(`PRAGMA incremental_vacuum(${slicePages})`));
      await eventLoopTurn();
      signal?.throwIfAborted();
      if (this.#isClosed()) return;
    }
    if (this.#eraseLog()) return;
    throw new AnchorageError(
      'storageUnavailable',
      `It is removed from ${this.#file}, but the log beside it still has it: another program reads the file.`,
      'End other windows and programs that use the folder; the log is emptied with the next change.',
    );
  }

  close(): void {
    if (this.#isClosed()) return;
    try {
      if (this.#isLogStale) this.#eraseLog();
    } finally {
      this.#database.close();
    }
  }

  #isClosed(): boolean {
    return !this.#database.isOpen;
  }

  get #freePages(): number {
    return this.#guarded(
      () => freePagesRow.parse(this.#database.prepare('PRAGMA freelist_count').get()).freelist_count,
    );
  }

  #eraseLog(): boolean {
    const { busy } = this.#guarded(() =>
      checkpointRow.parse(this.#database.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get()),
    );
    this.#isLogStale = busy !== 0;
    return !this.#isLogStale;
  }

  #statement(sql: string): StatementSync {
    const prepared = this.#prepared.get(sql) ?? this.#database.prepare(sql);
    this.#prepared.set(sql, prepared);
    return prepared;
  }

  #guarded<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (AnchorageError.is(error)) throw error;
      throw new AnchorageError(
        'storageUnavailable',
        `The sessions in ${this.#file} cannot be read or written: ${reasonOf(error)}.`,
        remedyFor(error),
        { cause: error },
      );
    }
  }

  /** Writing on would go to a file that nobody opens again. */
  #movedAway(): AnchorageError {
    return new AnchorageError(
      'storageUnavailable',
      `${this.#file} was moved away or replaced since it was opened.`,
      'Start Anchorage again, so that it opens the file that is there now.',
    );
  }
}

/** Tells one file from another that takes its name. */
function identityOf(file: string): string {
  const stat = statSync(file, { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? '' : `${stat.dev} ${stat.ino}`;
}

function reasonOf(error: unknown): string {
  return error instanceof z.ZodError ? `a row is damaged (${error.issues[0]?.path.join('.') ?? ''})` : messageOf(error);
}

function remedyFor(error: unknown): string {
  if (isLocked(error)) return lockedRemedy;
  if (isDamaged(error)) return 'Start Anchorage again: it sets the damaged file aside and recovers what can be read.';
  return 'Check that the folder is writable and the disk has space.';
}
