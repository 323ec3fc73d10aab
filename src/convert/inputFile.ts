import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { AnchorageError, messageOf } from '../protocol/errors.ts';

/**
 * A file that is read at given offsets, never past its end.
 *
 * Model files are hostile input: every length that they declare is checked against the file's size here, before anything is
 * allocated for it.
 */
export class InputFile {
  readonly path: string;
  readonly size: number;
  readonly #descriptor: number;

  private constructor(path: string, descriptor: number, size: number) {
    this.path = path;
    this.#descriptor = descriptor;
    this.size = size;
  }

  /** @throws AnchorageError `fileUnreadable` when there is no such file, or it cannot be opened. */
  static open(path: string): InputFile {
    let descriptor: number;
    try {
      descriptor = openSync(path, 'r');
    } catch (error) {
      throw unreadable(path, error);
    }
    const stat = fstatSync(descriptor);
    if (!stat.isFile()) {
      closeSync(descriptor);
      throw new AnchorageError('fileUnreadable', `${path} is not a file.`, 'Give the path of a model file.');
    }
    return new InputFile(path, descriptor, stat.size);
  }

  /**
   * The bytes `[offset, offset + length)`.
   *
   * @throws AnchorageError `fileInvalid`, naming `what`, when they are not all inside the file.
   */
  read(offset: number, length: number, what: string): Uint8Array<ArrayBuffer> {
    if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(length) || offset < 0 || length < 0) {
      throw this.invalid(`${what} has an impossible place in the file`);
    }
    if (offset + length > this.size) {
      throw this.invalid(`${what} reaches past the end of the file (${offset + length} of ${this.size} bytes)`);
    }
    const bytes = new Uint8Array(length);
    let done = 0;
    while (done < length) {
      let count: number;
      try {
        count = readSync(this.#descriptor, bytes, done, length - done, offset + done);
      } catch (error) {
        throw unreadable(this.path, error);
      }
      if (count === 0) throw this.invalid(`${what} is cut off: the file became shorter while it was read`);
      done += count;
    }
    return bytes;
  }

  /** An error about this file's content. */
  invalid(problem: string): AnchorageError {
    return new AnchorageError(
      'fileInvalid',
      `${this.path}: ${problem}.`,
      'Fetch the file again, or choose another one.',
    );
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}

function unreadable(path: string, error: unknown): AnchorageError {
  return new AnchorageError(
    'fileUnreadable',
    `${path} cannot be read: ${messageOf(error)}.`,
    'Check that the file exists and that you may read it.',
    { cause: error },
  );
}
