import { setImmediate as eventLoopTurn } from 'node:timers/promises';
import type { DecoderContext } from '../memory/decoderContext.ts';
import { sealApart } from '../memory/sealApart.ts';
import type { AnchorStore } from '../memory/sessionStore.ts';
import { AnchorageError } from '../protocol/errors.ts';
import { chunksOf, type FileChunk, type FileText } from './fileChunks.ts';
import type { Model } from './model.ts';

/** Files that wait at a time, and UTF-16 units of their text together; the oldest are forgotten. */
const mostFiles = 64;
const mostCharacters = 8_000_000;

/** A file that waits, and how far it was read. */
interface Waiting {
  readonly file: FileText;
  reading: {
    /** Chunks and their anchors are a model's: with another one, the file is read from its beginning. */
    readonly model: Model;
    readonly chunks: Generator<FileChunk, void>;
    /** The chunk that is to be read; null until it is known. */
    chunk: IteratorResult<FileChunk, void> | null;
  } | null;
}

/** What reading goes by: all that one run needs. */
interface Run {
  readonly model: Model;
  readonly store: AnchorStore;
  readonly context: DecoderContext;
  readonly signal: AbortSignal;
}

/**
 * Reads files ahead in idle time, so that their anchors are in the store when they are attached: chunk by chunk, the
 * newest file first. Only where chunks are read seeing nothing but the pinned prefix, as others' anchors depend on what
 * stands in front of them.
 */
export class FileIndexer {
  /** By path, the newest last. */
  readonly #waiting = new Map<string, Waiting>();
  #cleared = new AbortController();

  /** Files that are not read to their end. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Takes a file in the place of what waits under its path. It is read by `run`. */
  add(file: FileText): void {
    this.#waiting.delete(file.path);
    if (file.text.length > mostCharacters) return;
    this.#waiting.set(file.path, { file, reading: null });
    let characters = [...this.#waiting.values()].reduce((sum, waiting) => sum + waiting.file.text.length, 0);
    for (const [path, oldest] of this.#waiting) {
      if (this.#waiting.size <= mostFiles && characters <= mostCharacters) break;
      characters -= oldest.file.text.length;
      this.#waiting.delete(path);
    }
  }

  /** Forgets all files, and stops the reading of one. */
  clear(): void {
    this.#waiting.clear();
    this.#cleared.abort();
    this.#cleared = new AbortController();
  }

  /**
   * Reads what waits. Stopped by the signal it returns within one group of tokens, and the next run goes on with the
   * chunk that was stopped. It also returns, with files waiting, when the memory budget has no room for the work.
   *
   * @throws AnchorageError why a file could not be read, which is then forgotten; the others wait for the next run.
   */
  async run(model: Model, store: AnchorStore, stopped: AbortSignal): Promise<void> {
    if (!model.defaults.independentChunks) this.clear();
    if (this.#waiting.size === 0) return;
    const signal = AbortSignal.any([stopped, this.#cleared.signal]);
    const run: Run = { model, store, signal, context: model.createContext() };
    try {
      for (let next = this.#newest; next !== undefined && !signal.aborted; next = this.#newest) {
        if (!(await this.#readNext(next, run))) return;
      }
    } finally {
      run.context.release();
    }
  }

  get #newest(): Waiting | undefined {
    return [...this.#waiting.values()].at(-1);
  }

  /** Reads one chunk of a file, or finds that there is none left. False when there is no room to. */
  async #readNext(waiting: Waiting, run: Run): Promise<boolean> {
    try {
      const reading = this.#begun(waiting, run.model);
      const next = reading.chunk ?? reading.chunks.next();
      reading.chunk = next;
      if (next.done === true) {
        this.#forget(waiting);
        return true;
      }
      const isRead = await isReadInto(next.value, run);
      if (isRead) reading.chunk = null;
      return isRead;
    } catch (error) {
      if (run.signal.aborted) return false;
      if (AnchorageError.is(error, 'outOfMemory')) return false;
      if (!AnchorageError.is(error, 'deviceFailed')) this.#forget(waiting);
      throw error;
    }
  }

  #begun(waiting: Waiting, model: Model): NonNullable<Waiting['reading']> {
    if (waiting.reading?.model !== model) {
      waiting.reading = { model, chunks: chunksOf(model, waiting.file), chunk: null };
    }
    return waiting.reading;
  }

  /** Forgets a file, unless another version of it has come. */
  #forget(waiting: Waiting): void {
    if (this.#waiting.get(waiting.file.path) === waiting) this.#waiting.delete(waiting.file.path);
  }
}

/** Sees to it that a chunk's anchors are in the store; false when the budget has no room for making them. */
async function isReadInto(chunk: FileChunk, { model, store, context, signal }: Run): Promise<boolean> {
  // Cutting and looking up take their time too: whoever waits gets a turn before each.
  await eventLoopTurn();
  if (signal.aborted) return false;
  const { keys, defaults, workRows } = model;
  const tokens = model.encode(chunk);
  const key = keys.keyOf(keys.start, tokens, { ...defaults, independent: true });
  if (store.hasAnchors(key)) return true;
  if (context.room < workRows) return false;
  store.writeAnchors(key, await sealApart(context, tokens, defaults, signal));
  return true;
}
