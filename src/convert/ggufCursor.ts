import type { InputFile } from './inputFile.ts';

const windowBytes = 1 << 20;
const longestArray = 1 << 22;
const longestString = 1 << 24;

export type GgufScalar = number | boolean | string;
export type GgufValue = GgufScalar | readonly GgufScalar[];

/** Bytes of the fixed-size value types, by number (`enum gguf_metadata_value_type`); strings take at least their length field. */
const smallestBytes: ReadonlyMap<number, number> = new Map([
  [0, 1],
  [1, 1],
  [2, 2],
  [3, 2],
  [4, 4],
  [5, 4],
  [6, 4],
  [7, 1],
  [8, 8],
  [10, 8],
  [11, 8],
  [12, 8],
]);
const arrayType = 9;

/** Reads the little-endian values of a GGUF header one after the other, through a window on the file. */
export class GgufCursor {
  readonly #file: InputFile;
  readonly #text = new TextDecoder('utf-8');
  #window = new DataView(new ArrayBuffer(0));
  #windowStart = 0;
  #position = 0;

  constructor(file: InputFile) {
    this.#file = file;
  }

  get position(): number {
    return this.#position;
  }

  u32(what: string): number {
    return this.#take(4, what, (view, at) => view.getUint32(at, true));
  }

  /** An unsigned 64-bit count or offset; one over 2^53 cannot be true of any file. */
  u64(what: string): number {
    const value = this.#take(8, what, (view, at) => view.getBigUint64(at, true));
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw this.#file.invalid(`${what} is impossibly large (${value})`);
    return Number(value);
  }

  string(what: string, longest = longestString): string {
    const length = this.u64(`the length of ${what}`);
    if (length > longest) throw this.#file.invalid(`${what} is impossibly long (${length} bytes)`);
    return this.#take(length, what, (view, at) =>
      this.#text.decode(new Uint8Array(view.buffer, view.byteOffset + at, length)),
    );
  }

  /** A metadata value of the given type number; arrays hold scalars only. */
  value(type: number, what: string): GgufValue {
    if (type !== arrayType) return this.#scalar(type, what);
    const elementType = this.u32(`the element type of ${what}`);
    const count = this.u64(`the length of ${what}`);
    const smallest = smallestBytes.get(elementType);
    if (smallest === undefined) throw this.#file.invalid(`${what} is an array of the unknown type ${elementType}`);
    if (count > longestArray || count * smallest > this.#file.size - this.#position) {
      throw this.#file.invalid(`${what} is impossibly long (${count} elements)`);
    }
    const values: GgufScalar[] = [];
    for (let i = 0; i < count; i++) values.push(this.#scalar(elementType, what));
    return values;
  }

  #scalar(type: number, what: string): GgufScalar {
    switch (type) {
      case 0:
        return this.#take(1, what, (view, at) => view.getUint8(at));
      case 1:
        return this.#take(1, what, (view, at) => view.getInt8(at));
      case 2:
        return this.#take(2, what, (view, at) => view.getUint16(at, true));
      case 3:
        return this.#take(2, what, (view, at) => view.getInt16(at, true));
      case 4:
        return this.u32(what);
      case 5:
        return this.#take(4, what, (view, at) => view.getInt32(at, true));
      case 6:
        return this.#take(4, what, (view, at) => view.getFloat32(at, true));
      case 7:
        return this.#take(1, what, (view, at) => view.getUint8(at) !== 0);
      case 8:
        return this.string(what);
      case 10:
        return Number(this.#take(8, what, (view, at) => view.getBigUint64(at, true)));
      case 11:
        return Number(this.#take(8, what, (view, at) => view.getBigInt64(at, true)));
      case 12:
        return this.#take(8, what, (view, at) => view.getFloat64(at, true));
      default:
        throw this.#file.invalid(`${what} has the unknown value type ${type}`);
    }
  }

  #take<T>(length: number, what: string, read: (view: DataView, at: number) => T): T {
    const inside = this.#position - this.#windowStart;
    if (inside < 0 || inside + length > this.#window.byteLength) {
      const wanted = Math.max(length, Math.min(windowBytes, this.#file.size - this.#position));
      const bytes = this.#file.read(this.#position, wanted, what);
      this.#window = new DataView(bytes.buffer);
      this.#windowStart = this.#position;
    }
    const value = read(this.#window, this.#position - this.#windowStart);
    this.#position += length;
    return value;
  }
}
