import type { PageFile } from './pageFile.ts';

export type CarvedValue = null | number | string | Uint8Array;
export type CarvedRow = readonly CarvedValue[];

/** Type of a page that has rows of a table. */
const tableLeaf = 0x0d;

/**
 * The rows of all tables, from every page that looks like one of rows: neither the schema nor an index nor the pages
 * above are needed, any of which may be what is damaged. Rows that were deleted are not found, since they were
 * overwritten. A row whose pages are not all there is left out.
 *
 * @param isWanted asked with the number of columns and the type of the first one, before a row is read whole.
 */
export function* carveRows(
  pages: PageFile,
  isWanted: (columns: number, isText: boolean) => boolean,
): Generator<CarvedRow> {
  for (let number = 1; number <= pages.pageCount; number++) {
    const page = pages.page(number);
    const header = number === 1 ? 100 : 0;
    if (page?.[header] !== tableLeaf) continue;
    const cells = page.readUInt16BE(header + 3);
    for (let cell = 0; cell < cells; cell++) {
      const pointer = header + 8 + cell * 2;
      if (pointer + 2 > page.length) break;
      const row = rowAt(pages, page, page.readUInt16BE(pointer), isWanted);
      if (row !== undefined) yield row;
    }
  }
}

function rowAt(
  pages: PageFile,
  page: Buffer,
  offset: number,
  isWanted: (columns: number, isText: boolean) => boolean,
): CarvedRow | undefined {
  const size = varint(page, offset);
  const rowid = size && varint(page, size.end);
  if (rowid === undefined) return undefined;
  const local = localBytes(size?.value ?? 0, page.length);
  const head = page.subarray(rowid.end, rowid.end + local);
  const types = columnTypes(head);
  if (types === undefined || !isWanted(types.types.length, isTextType(types.types[0]))) return undefined;
  const payload = payloadOf(pages, page, rowid.end, size?.value ?? 0, local);
  return payload && valuesOf(payload, types);
}

/** Bytes of a row that stand on its own page; the rest is on pages that overflow. */
function localBytes(size: number, pageSize: number): number {
  if (size <= pageSize - 35) return size;
  const least = Math.floor(((pageSize - 12) * 32) / 255) - 23;
  const rest = least + ((size - least) % (pageSize - 4));
  return rest <= pageSize - 35 ? rest : least;
}

function payloadOf(pages: PageFile, page: Buffer, from: number, size: number, local: number): Buffer | undefined {
  const parts = [page.subarray(from, from + local)];
  if (parts[0]?.length !== local) return undefined;
  let left = size - local;
  if (left / (pages.pageSize - 4) > pages.pageCount) return undefined; // More than the file has: the size is damaged.
  let next = left > 0 && from + local + 4 <= page.length ? page.readUInt32BE(from + local) : 0;
  while (left > 0) {
    const overflow = next === 0 ? undefined : pages.page(next);
    if (overflow === undefined) return undefined;
    parts.push(overflow.subarray(4, 4 + Math.min(left, overflow.length - 4)));
    left -= overflow.length - 4;
    next = overflow.readUInt32BE(0);
  }
  return Buffer.concat(parts);
}

interface ColumnTypes {
  readonly types: readonly number[];
  /** Where the values begin. */
  readonly end: number;
}

function columnTypes(head: Buffer): ColumnTypes | undefined {
  const length = varint(head, 0);
  if (length === undefined || length.value > head.length) return undefined;
  const types: number[] = [];
  for (let at = length.end; at < length.value;) {
    const type = varint(head, at);
    if (type === undefined) return undefined;
    types.push(type.value);
    at = type.end;
  }
  return { types, end: length.value };
}

function valuesOf(payload: Buffer, { types, end }: ColumnTypes): CarvedValue[] | undefined {
  const values: CarvedValue[] = [];
  let at = end;
  for (const type of types) {
    const length = lengthOf(type);
    if (length === undefined || at + length > payload.length) return undefined;
    values.push(valueOf(type, payload.subarray(at, at + length)));
    at += length;
  }
  return at === payload.length ? values : undefined;
}

const fixedLengths = [0, 1, 2, 3, 4, 6, 8, 8, 0, 0];

function lengthOf(type: number): number | undefined {
  return type >= 12 ? Math.floor((type - 12) / 2) : fixedLengths[type];
}

function isTextType(type: number | undefined): boolean {
  return type !== undefined && type >= 13 && type % 2 === 1;
}

function valueOf(type: number, bytes: Buffer): CarvedValue {
  if (isTextType(type)) return bytes.toString('utf8');
  if (type >= 12) return bytes;
  if (type === 0) return null;
  if (type >= 8) return type - 8;
  if (type === 7) return bytes.readDoubleBE(0);
  return type === 6 ? Number(bytes.readBigInt64BE(0)) : bytes.readIntBE(0, bytes.length);
}

/** A big-endian number of 7 bits a byte. Undefined past the end, and for one that no length of ours reaches. */
function varint(bytes: Buffer, offset: number): { readonly value: number; readonly end: number } | undefined {
  let value = 0;
  for (let at = offset; at < offset + 9; at++) {
    const byte = bytes[at];
    if (byte === undefined) return undefined;
    value = value * 128 + (byte & 0x7f);
    if (byte < 0x80) return value <= Number.MAX_SAFE_INTEGER ? { value, end: at + 1 } : undefined;
  }
  // Nine bytes, of which the last has 8 bits: a negative rowid, which ours never have.
  return undefined;
}
