import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** Pages of our own files: SQLite's default, in case a damaged header says nothing of use. */
const usualPageSize = 4096;
const walHeaderBytes = 32;
const frameHeaderBytes = 24;

/**
 * The pages of an SQLite file as they are after its write-ahead log, read by their numbers and without SQLite: of a
 * damaged file, those that are there. Formats: https://www.sqlite.org/fileformat2.html
 */
export class PageFile {
  readonly pageSize: number;
  readonly pageCount: number;
  readonly #file: number;
  readonly #log: { readonly file: number; readonly offsets: ReadonlyMap<number, number> } | null;

  constructor(path: string) {
    this.#file = openSync(path, 'r');
    this.pageSize = pageSizeOf(bytesAt(this.#file, 0, 100));
    this.#log = openLog(`${path}-wal`, this.pageSize);
    const pages = Math.floor(fstatSync(this.#file).size / this.pageSize);
    this.pageCount = [...(this.#log?.offsets.keys() ?? [])].reduce((most, page) => Math.max(most, page), pages);
  }

  /** @param number counts from 1. Undefined where the file has no such page. */
  page(number: number): Buffer | undefined {
    const offset = this.#log?.offsets.get(number);
    const bytes =
      this.#log !== null && offset !== undefined
        ? bytesAt(this.#log.file, offset, this.pageSize)
        : bytesAt(this.#file, (number - 1) * this.pageSize, this.pageSize);
    return bytes.length === this.pageSize ? bytes : undefined;
  }

  close(): void {
    closeSync(this.#file);
    if (this.#log !== null) closeSync(this.#log.file);
  }
}

function pageSizeOf(header: Buffer): number {
  const size = header.length < 18 ? 0 : header.readUInt16BE(16);
  if (size === 1) return 65_536;
  return size >= 512 && (size & (size - 1)) === 0 ? size : usualPageSize;
}

/** Fewer bytes at the end of the file, or where they cannot be read. */
function bytesAt(file: number, offset: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  try {
    return bytes.subarray(0, Math.max(0, readSync(file, bytes, 0, length, offset)));
  } catch {
    return bytes.subarray(0, 0); // A sector that the disk does not give.
  }
}

function openLog(path: string, pageSize: number): { file: number; offsets: Map<number, number> } | null {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    return null;
  }
  return { file, offsets: committedFrames(file, pageSize) };
}

/** Where the log has the last committed state of each page. */
function committedFrames(file: number, pageSize: number): Map<number, number> {
  const committed = new Map<number, number>();
  const header = bytesAt(file, 0, walHeaderBytes);
  if (header.length < walHeaderBytes || header.readUInt32BE(8) !== pageSize) return committed;
  const magic = header.readUInt32BE(0);
  if (magic >>> 1 !== 0x377f0682 >>> 1) return committed;
  const isBigEndian = (magic & 1) === 1;
  let sum = checksum(header.subarray(0, 24), [0, 0], isBigEndian);
  const pending = new Map<number, number>();
  for (let offset = walHeaderBytes; ; offset += frameHeaderBytes + pageSize) {
    const frame = bytesAt(file, offset, frameHeaderBytes + pageSize);
    // Frames of before the log was begun anew have another salt.
    if (frame.length < frameHeaderBytes + pageSize || frame.compare(header, 16, 24, 8, 16) !== 0) return committed;
    sum = checksum(frame.subarray(0, 8), sum, isBigEndian);
    sum = checksum(frame.subarray(frameHeaderBytes), sum, isBigEndian);
    if (frame.readUInt32BE(16) !== sum[0] || frame.readUInt32BE(20) !== sum[1]) return committed;
    pending.set(frame.readUInt32BE(0), offset + frameHeaderBytes);
    if (frame.readUInt32BE(4) === 0) continue;
    for (const [page, at] of pending) committed.set(page, at);
    pending.clear();
  }
}

/** The log's checksum, which goes on from frame to frame. */
function checksum(bytes: Buffer, [first, second]: readonly [number, number], isBigEndian: boolean): [number, number] {
  let [a, b] = [first, second];
  for (let at = 0; at < bytes.length; at += 8) {
    a = (a + (isBigEndian ? bytes.readUInt32BE(at) : bytes.readUInt32LE(at)) + b) >>> 0;
    b = (b + (isBigEndian ? bytes.readUInt32BE(at + 4) : bytes.readUInt32LE(at + 4)) + a) >>> 0;
  }
  return [a, b];
}
