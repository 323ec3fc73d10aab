import { z } from 'zod';
import { describeIssues } from './describeIssues.ts';
import { decodeBfloat16, decodeHalf, decodeSingle } from './halfFloat.ts';
import { InputFile } from './inputFile.ts';

const longestHeader = 1 << 26;
const mostTensors = 1 << 16;
const elementBytes: ReadonlyMap<string, number> = new Map([
  ['F32', 4],
  ['F16', 2],
  ['BF16', 2],
]);

const entrySchema = z.object({
  dtype: z.string(),
  shape: z.array(z.int().min(0)).max(8),
  data_offsets: z.tuple([z.int().min(0), z.int().min(0)]),
});
const headerSchema = z.record(z.string(), z.unknown());

interface Entry {
  readonly type: string;
  readonly shape: readonly number[];
  readonly offset: number;
  readonly bytes: number;
}

/** A safetensors file: a validated header, and tensors (F32, F16, BF16) read on demand. Format: https://huggingface.co/docs/safetensors */
export class SafetensorsFile {
  readonly path: string;
  readonly #file: InputFile;
  readonly #entries: ReadonlyMap<string, Entry>;

  private constructor(file: InputFile, entries: ReadonlyMap<string, Entry>) {
    this.path = file.path;
    this.#file = file;
    this.#entries = entries;
  }

  /** @throws AnchorageError `fileUnreadable` or `fileInvalid`, naming the file and the tensor. */
  static open(path: string): SafetensorsFile {
    const file = InputFile.open(path);
    try {
      return new SafetensorsFile(file, readHeader(file));
    } catch (error) {
      file.close();
      throw error;
    }
  }

  get names(): readonly string[] {
    return [...this.#entries.keys()];
  }

  shapeOf(name: string): readonly number[] | undefined {
    return this.#entries.get(name)?.shape;
  }

  /** The values of a tensor in single precision, row-major. */
  read(name: string): Float32Array {
    const entry = this.#entries.get(name);
    if (!entry) throw this.#file.invalid(`the tensor ${name} is missing`);
    const bytes = this.#file.read(entry.offset, entry.bytes, `tensor ${name}`);
    if (entry.type === 'F32') return decodeSingle(bytes);
    return entry.type === 'F16' ? decodeHalf(bytes) : decodeBfloat16(bytes);
  }

  close(): void {
    this.#file.close();
  }
}

function readHeader(file: InputFile): Map<string, Entry> {
  const prefix = file.read(0, 8, 'the length of the header');
  const length = new DataView(prefix.buffer).getBigUint64(0, true);
  if (length > BigInt(Math.min(longestHeader, file.size - 8)))
    throw file.invalid(`its header cannot be ${length} bytes long`);
  const start = 8 + Number(length);
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(file.read(8, Number(length), 'the header')));
  } catch {
    throw file.invalid('its header is not JSON');
  }
  const header = headerSchema.safeParse(json);
  if (!header.success) throw file.invalid('its header is not an object');
  const entries = new Map<string, Entry>();
  for (const [name, value] of Object.entries(header.data)) {
    if (name !== '__metadata__') entries.set(name, readEntry(file, name, value, start));
  }
  if (entries.size > mostTensors) throw file.invalid(`it declares ${entries.size} tensors`);
  return entries;
}

function readEntry(file: InputFile, name: string, value: unknown, start: number): Entry {
  const parsed = entrySchema.safeParse(value);
  if (!parsed.success) throw file.invalid(`tensor ${name}: ${describeIssues(parsed.error)}`);
  const {
    dtype,
    shape,
    data_offsets: [from, to],
  } = parsed.data;
  const size = elementBytes.get(dtype);
  if (size === undefined)
    throw file.invalid(`tensor ${name} has the type ${dtype}; ${[...elementBytes.keys()].join(', ')} can be read`);
  const bytes = shape.reduce((product, length) => product * length, size);
  if (to - from !== bytes) throw file.invalid(`tensor ${name} takes ${to - from} bytes, its shape needs ${bytes}`);
  if (start + to > file.size) throw file.invalid(`tensor ${name} reaches past the end of the file`);
  return { type: dtype, shape, offset: start + from, bytes };
}
