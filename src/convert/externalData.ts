import { createHash } from 'node:crypto';
import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { AnchorageError } from '../protocol/errors.ts';
import type { TensorData } from './onnxModel.ts';
import { outputError } from './outputError.ts';

/** Weights start on page borders, so that the runtime can map them instead of copying. */
const alignment = 4096;
/** Electron aborts on one allocation of 2 GiB; the runtime may take a whole file or tensor in one. */
const largestFile = 1 << 30;

/**
 * Streams weights to `{name}`, then `{name}_1`, `{name}_2`, …, each smaller than a limit of 1 GiB. The same bytes are written once: a
 * variant's graphs share them.
 */
export class ExternalData {
  readonly folder: string;
  readonly #name: string;
  readonly #limit: number;
  readonly #files: string[] = [];
  #descriptor: number | undefined;
  #length = 0;
  /** Places by the hash of what lies there. */
  readonly #places = new Map<string, TensorData & { kind: 'external' }>();

  /** @param limit what no file may reach, in bytes. */
  constructor(folder: string, name: string, limit = largestFile) {
    this.folder = folder;
    this.#name = name;
    this.#limit = limit;
  }

  append(bytes: Uint8Array): TensorData & { kind: 'external' } {
    if (bytes.length >= this.#limit) {
      throw new AnchorageError(
        'unsupported',
        `A tensor of ${bytes.length} bytes is too large for ${this.#name}.`,
        'Choose a smaller decoder.',
      );
    }
    const hash = createHash('sha256').update(bytes).digest('base64');
    const known = this.#places.get(hash);
    if (known !== undefined) return known;
    const padding = (alignment - (this.#length % alignment)) % alignment;
    if (this.#descriptor === undefined || this.#length + padding + bytes.length >= this.#limit) this.#startFile();
    else this.#write(new Uint8Array(padding));
    const offset = this.#length;
    this.#write(bytes);
    const place = { kind: 'external', location: this.#files.at(-1) ?? '', offset, length: bytes.length } as const;
    this.#places.set(hash, place);
    return place;
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }

  #startFile(): void {
    this.close();
    const name = this.#files.length === 0 ? this.#name : `${this.#name}_${this.#files.length}`;
    const path = join(this.folder, name);
    try {
      this.#descriptor = openSync(path, 'wx');
    } catch (error) {
      throw outputError(path, error);
    }
    this.#files.push(name);
    this.#length = 0;
  }

  #write(bytes: Uint8Array): void {
    try {
      for (let done = 0; done < bytes.length && this.#descriptor !== undefined;)
        done += writeSync(this.#descriptor, bytes, done);
    } catch (error) {
      throw outputError(join(this.folder, this.#files.at(-1) ?? ''), error);
    }
    this.#length += bytes.length;
  }
}
