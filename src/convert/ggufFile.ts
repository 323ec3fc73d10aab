import { GgufCursor, type GgufScalar, type GgufValue } from './ggufCursor.ts';
import { blockLayouts, bytesOf, tensorTypeNumbers, type TensorType } from './ggufTypes.ts';
import { InputFile } from './inputFile.ts';

const magic = 0x46554747;
const mostEntries = 1 << 16;
const defaultAlignment = 32;

/** Where a tensor lies. `shape` is row-major, as in safetensors: GGUF's own order (fastest dimension first) reversed. */
export interface GgufTensor {
  readonly name: string;
  readonly type: TensorType;
  readonly shape: readonly number[];
  readonly offset: number;
  readonly bytes: number;
}

/**
 * A GGUF file, versions 2 and 3, little-endian: its metadata and where its tensors lie, all validated.
 *
 * Layout: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 */
export class GgufFile {
  readonly file: InputFile;
  readonly metadata: ReadonlyMap<string, GgufValue>;
  readonly tensors: ReadonlyMap<string, GgufTensor>;

  private constructor(
    file: InputFile,
    metadata: ReadonlyMap<string, GgufValue>,
    tensors: ReadonlyMap<string, GgufTensor>,
  ) {
    this.file = file;
    this.metadata = metadata;
    this.tensors = tensors;
  }

  /** @throws AnchorageError `fileUnreadable` or `fileInvalid`, naming the file and the field. */
  static open(path: string): GgufFile {
    const file = InputFile.open(path);
    try {
      const cursor = new GgufCursor(file);
      if (cursor.u32('the magic number') !== magic)
        throw file.invalid('this is not a GGUF file (it does not start with GGUF)');
      const version = cursor.u32('the version');
      if (version !== 2 && version !== 3) throw file.invalid(`GGUF version ${version} is not known (2 and 3 are)`);
      const tensorCount = countOf(cursor, file, 'the number of tensors');
      const entryCount = countOf(cursor, file, 'the number of metadata entries');
      const metadata = readMetadata(cursor, file, entryCount);
      return new GgufFile(file, metadata, readTensors(cursor, file, tensorCount, alignmentOf(metadata, file)));
    } catch (error) {
      file.close();
      throw error;
    }
  }

  optionalString(key: string): string | undefined {
    return this.#optional(key, 'a text', (value) => typeof value === 'string');
  }

  optionalNumber(key: string): number | undefined {
    return this.#optional(key, 'a number', (value) => typeof value === 'number');
  }

  optionalBoolean(key: string): boolean | undefined {
    return this.#optional(key, 'true or false', (value) => typeof value === 'boolean');
  }

  strings(key: string): readonly string[] {
    return this.#required(
      key,
      this.#optional(key, 'a list of texts', (value) => isListOf(value, isString)),
    );
  }

  optionalNumbers(key: string): readonly number[] | undefined {
    return this.#optional(key, 'a list of numbers', (value) => isListOf(value, isNumber));
  }

  string(key: string): string {
    return this.#required(key, this.optionalString(key));
  }

  number(key: string): number {
    return this.#required(key, this.optionalNumber(key));
  }

  #required<T>(key: string, value: T | undefined): T {
    if (value === undefined) throw this.file.invalid(`the metadata field ${key} is missing`);
    return value;
  }

  #optional<T extends GgufValue>(key: string, kind: string, is: (value: GgufValue) => value is T): T | undefined {
    const value = this.metadata.get(key);
    if (value === undefined) return undefined;
    if (!is(value)) throw this.file.invalid(`the metadata field ${key} is not ${kind}`);
    return value;
  }

  close(): void {
    this.file.close();
  }
}

function isString(value: GgufScalar): value is string {
  return typeof value === 'string';
}

function isNumber(value: GgufScalar): value is number {
  return typeof value === 'number';
}

function isListOf<T extends GgufScalar>(
  value: GgufValue,
  is: (element: GgufScalar) => element is T,
): value is readonly T[] {
  return Array.isArray(value) && value.every(is);
}

function countOf(cursor: GgufCursor, file: InputFile, what: string): number {
  const count = cursor.u64(what);
  if (count > mostEntries) throw file.invalid(`${what} is impossibly large (${count})`);
  return count;
}

function readMetadata(cursor: GgufCursor, file: InputFile, count: number): Map<string, GgufValue> {
  const metadata = new Map<string, GgufValue>();
  for (let i = 0; i < count; i++) {
    const key = cursor.string(`the key of metadata entry ${i}`, 65_535);
    const type = cursor.u32(`the type of ${key}`);
    if (metadata.has(key)) throw file.invalid(`the metadata field ${key} occurs twice`);
    metadata.set(key, cursor.value(type, key));
  }
  return metadata;
}

function alignmentOf(metadata: ReadonlyMap<string, GgufValue>, file: InputFile): number {
  const alignment = metadata.get('general.alignment') ?? defaultAlignment;
  if (
    typeof alignment !== 'number' ||
    !Number.isInteger(alignment) ||
    alignment < 8 ||
    alignment > 65_536 ||
    alignment % 8 !== 0
  ) {
    throw file.invalid(`general.alignment is ${String(alignment)}, not a multiple of 8`);
  }
  return alignment;
}

function readTensors(cursor: GgufCursor, file: InputFile, count: number, alignment: number): Map<string, GgufTensor> {
  const declared: GgufTensor[] = [];
  for (let i = 0; i < count; i++) declared.push(readTensor(cursor, file, i, alignment));
  const start = Math.ceil(cursor.position / alignment) * alignment;
  const tensors = new Map<string, GgufTensor>();
  for (const tensor of declared) {
    if (tensors.has(tensor.name)) throw file.invalid(`tensor ${tensor.name} occurs twice`);
    const offset = start + tensor.offset;
    if (offset + tensor.bytes > file.size) throw file.invalid(`tensor ${tensor.name} reaches past the end of the file`);
    tensors.set(tensor.name, { ...tensor, offset });
  }
  return tensors;
}

/** One entry of the tensor table; `offset` is still counted from the start of the data. */
function readTensor(cursor: GgufCursor, file: InputFile, index: number, alignment: number): GgufTensor {
  const name = cursor.string(`the name of tensor ${index}`, 1024);
  const dimensions = cursor.u32(`the dimensions of tensor ${name}`);
  if (dimensions < 1 || dimensions > 4) throw file.invalid(`tensor ${name} has ${dimensions} dimensions`);
  const shape: number[] = [];
  let values = 1;
  for (let i = 0; i < dimensions; i++) {
    const size = cursor.u64(`dimension ${i} of tensor ${name}`);
    values *= size;
    if (size < 1 || !Number.isSafeInteger(values)) throw file.invalid(`tensor ${name} has an impossible shape`);
    shape.unshift(size);
  }
  const number = cursor.u32(`the type of tensor ${name}`);
  const type = tensorTypeNumbers.get(number);
  if (type === undefined) {
    const known = [...tensorTypeNumbers.values()].join(', ');
    throw file.invalid(
      `tensor ${name} has the type number ${number}, which is not one of those that can be read (${known})`,
    );
  }
  const rowLength = shape.at(-1) ?? 1;
  if (rowLength % blockLayouts[type].values !== 0) {
    throw file.invalid(`tensor ${name} has rows of ${rowLength} values, not whole ${type} blocks`);
  }
  const offset = cursor.u64(`the offset of tensor ${name}`);
  if (offset % alignment !== 0) throw file.invalid(`tensor ${name} is not aligned to ${alignment} bytes`);
  return { name, type, shape, offset, bytes: bytesOf(type, values) };
}
