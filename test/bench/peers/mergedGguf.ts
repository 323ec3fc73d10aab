import { createWriteStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { once } from 'node:events';
import { GgufCursor } from '../../../src/convert/ggufCursor.ts';
import { GgufFile } from '../../../src/convert/ggufFile.ts';
import { huggingFaceName } from '../../../src/convert/ggufSource.ts';
import type { MergedWeights } from '../../../src/convert/mergedWeights.ts';
import { encodeBlocks, writtenTypes, type WrittenType } from './ggufBlocks.ts';

const alignment = 32;
/** Magic number, version, and the counts of tensors and of metadata entries. */
const fixedBytes = 24;

/**
 * Writes a decoder with its adapter merged in as the GGUF file that llama.cpp reads: the base file's metadata as they
 * are (so its tokenizer too), and its tensors with the merged weights. Norms stay in single precision; the table of
 * tokens is Q8_0, as in the base.
 *
 * @param basePath the GGUF file that `weights` were read from, of the architecture `llama`.
 * @param type what the matrices of the layers are stored as.
 */
export async function writeMergedGguf(
  path: string,
  basePath: string,
  weights: MergedWeights,
  type: WrittenType,
): Promise<void> {
  const base = GgufFile.open(basePath);
  try {
    const tensors = [...base.tensors.values()].map(
      ({ name, shape }) =>
        ({
          name,
          shape,
          type: shape.length === 1 ? 'F32' : name === 'token_embd.weight' && type === 'Q4_1' ? 'Q8_0' : type,
        }) as const,
    );
    const out = createWriteStream(path);
    const write = async (bytes: Uint8Array): Promise<void> => {
      if (!out.write(bytes)) await once(out, 'drain');
    };
    const metadata = await metadataBytes(basePath, base);
    const table = tensorTable(tensors);
    await write(header(tensors.length, base.metadata.size));
    await write(metadata);
    await write(table);
    await write(padding(fixedBytes + metadata.length + table.length));
    for (const tensor of tensors) {
      const bytes = encodeBlocks(valuesOf(tensor.name, weights), tensor.type);
      await write(bytes);
      await write(padding(bytes.length));
    }
    out.end();
    await once(out, 'close');
  } finally {
    base.close();
  }
}

function header(tensors: number, entries: number): Uint8Array {
  const bytes = Buffer.alloc(fixedBytes);
  bytes.write('GGUF');
  bytes.writeUInt32LE(3, 4);
  bytes.writeBigUInt64LE(BigInt(tensors), 8);
  bytes.writeBigUInt64LE(BigInt(entries), 16);
  return bytes;
}

/** The base file's metadata entries, byte by byte. */
async function metadataBytes(path: string, { file, metadata }: GgufFile): Promise<Uint8Array> {
  const cursor = new GgufCursor(file);
  cursor.u64('the magic number and version');
  cursor.u64('the number of tensors');
  for (let left = cursor.u64('the number of metadata entries'); left > 0; left--) {
    const key = cursor.string('a key');
    cursor.value(cursor.u32('a type'), key);
  }
  if (metadata.has('general.alignment')) throw new Error(`${path} has an alignment of its own.`);
  const source = await open(path);
  try {
    const bytes = Buffer.alloc(cursor.position - fixedBytes);
    await source.read(bytes, 0, bytes.length, fixedBytes);
    return bytes;
  } finally {
    await source.close();
  }
}

interface WrittenTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly type: WrittenType;
}

function tensorTable(tensors: readonly WrittenTensor[]): Uint8Array {
  const parts: Buffer[] = [];
  let offset = 0;
  for (const { name, shape, type } of tensors) {
    const nameBytes = Buffer.from(name);
    const entry = Buffer.alloc(8 + nameBytes.length + 4 + 8 * shape.length + 4 + 8);
    let at = entry.writeBigUInt64LE(BigInt(nameBytes.length));
    at += nameBytes.copy(entry, at);
    at = entry.writeUInt32LE(shape.length, at);
    for (const size of shape.toReversed()) at = entry.writeBigUInt64LE(BigInt(size), at);
    at = entry.writeUInt32LE(writtenTypes[type], at);
    entry.writeBigUInt64LE(BigInt(offset), at);
    parts.push(entry);
    const bytes = encodedBytes(shape, type);
    offset += bytes + padding(bytes).length;
  }
  return Buffer.concat(parts);
}

function encodedBytes(shape: readonly number[], type: WrittenType): number {
  const values = shape.reduce((product, size) => product * size, 1);
  return { F32: 4 * values, Q8_0: (values / 32) * 34, Q4_1: (values / 32) * 20 }[type];
}

function padding(length: number): Uint8Array {
  return new Uint8Array((alignment - (length % alignment)) % alignment);
}

/** llama.cpp's files interleave the rotary rows of queries and keys; the weights have Hugging Face's order. */
function valuesOf(ggufName: string, weights: MergedWeights): Float32Array {
  const name = huggingFaceName(ggufName);
  const { num_attention_heads: heads, num_key_value_heads: kvHeads, head_dim: headDim } = weights.config;
  if (name.includes('norm')) return weights.vector(name);
  const { values } = weights.matrix(name);
  if (name.includes('self_attn.q_proj')) return interleaved(values, heads, headDim);
  if (name.includes('self_attn.k_proj')) return interleaved(values, kvHeads, headDim);
  return values;
}

/** Of every head, rows i and i + d/2 become neighbours (2i, 2i + 1). */
function interleaved(values: Float32Array, heads: number, headDim: number): Float32Array {
  const columns = values.length / (heads * headDim);
  const out = new Float32Array(values.length);
  for (let row = 0; row < heads * headDim; row++) {
    const inside = row % headDim;
    const from = row - inside + (inside >> 1) + (inside & 1) * (headDim / 2);
    out.set(values.subarray(from * columns, (from + 1) * columns), row * columns);
  }
  return out;
}
