import { hash } from 'node:crypto';
import { z } from 'zod';
import type { SequenceAnchors, StoredNumbers } from '../engine/sealedSequence.ts';
import { choices } from '../protocol/anchorConfig.ts';

const count = z
  .int()
  .min(0)
  .max(2 ** 31 - 1);

const headerSchema = z
  .object({
    format: z.literal(2),
    precision: z.enum(['fp16', 'int8']),
    /** How many numbers, and before them in int8 how many scales. */
    numbers: count,
    scales: count,
    positions: z.array(count).max(1 << 20),
    textPosition: count,
    sequence: z.object({
      textTokens: count,
      span: count,
      rows: count,
      ratio: z.int().min(1),
      choice: z.enum(choices).nullable(),
      independent: z.boolean(),
      state: z.enum(['live', 'anchored']),
    }),
  })
  .refine(({ positions, sequence }) => positions.length === sequence.rows)
  .refine(({ precision, scales }) => precision === 'int8' || scales === 0);

type Header = z.infer<typeof headerSchema>;

/** Bytes of the SHA-256 in front: a damaged number would show as nothing but a worse answer. */
const digestBytes = 32;
/** Bytes in front of the header: the digest, and the header's length as a little-endian 32-bit number. */
const fixedBytes = digestBytes + 4;
/** Numbers begin at a multiple of this, so that they can be read where they are. */
const alignment = 8;

/**
 * SHA-256 of what follows, the header's length, the header as JSON padded with spaces, scales (half precision), numbers
 * (half precision or 8 bits), all little-endian as are all processors that this runs on.
 *
 * @throws RangeError on fp32, which is not stored.
 */
export function encodeAnchors(anchors: SequenceAnchors): Uint8Array {
  const { precision, keyValues, positions, textPosition, sequence } = anchors;
  if (precision === 'fp32') throw new RangeError('Anchors are stored in fp16 or int8');
  const scales = precision === 'int8' ? anchors.scales : new Uint16Array(0);
  const header: Header = {
    format: 2,
    precision,
    numbers: keyValues.length,
    scales: scales.length,
    positions: [...positions],
    textPosition,
    sequence,
  };
  const json = JSON.stringify(header);
  const begin = Math.ceil((fixedBytes + json.length) / alignment) * alignment;
  const bytes = new Uint8Array(begin + scales.byteLength + keyValues.byteLength);
  new DataView(bytes.buffer).setUint32(digestBytes, begin - fixedBytes, true);
  bytes.set(Buffer.from(json.padEnd(begin - fixedBytes), 'latin1'), fixedBytes);
  bytes.set(bytesOf(scales), begin);
  bytes.set(bytesOf(keyValues), begin + scales.byteLength);
  bytes.set(digestOf(bytes));
  return bytes;
}

/**
 * Undefined when the bytes are not anchors that this build writes, or not as it wrote them.
 *
 * The numbers are read where they are: `bytes` must not be written to afterwards.
 */
export function decodeAnchors(bytes: Uint8Array): SequenceAnchors | undefined {
  if (bytes.length < fixedBytes || !digestOf(bytes).equals(bytes.subarray(0, digestBytes))) return undefined;
  const begin = fixedBytes + new DataView(bytes.buffer, bytes.byteOffset).getUint32(digestBytes, true);
  if (begin > bytes.length || begin % alignment !== 0) return undefined;
  const header = headerSchema.safeParse(parsedJson(bytes.subarray(fixedBytes, begin)));
  if (!header.success) return undefined;
  const { positions, textPosition, sequence } = header.data;
  const numbers = numbersOf(header.data, bytes.subarray(begin));
  if (numbers === undefined) return undefined;
  return { ...numbers, positions: Int32Array.from(positions), textPosition, sequence };
}

function numbersOf({ precision, numbers, scales }: Header, bytes: Uint8Array): StoredNumbers | undefined {
  const scaleBytes = 2 * scales;
  if (bytes.length !== scaleBytes + (precision === 'int8' ? 1 : 2) * numbers) return undefined;
  // Half-precision numbers can be read in place from an even address only.
  const { buffer, byteOffset } = bytes.byteOffset % 2 === 0 ? bytes : new Uint8Array(bytes);
  if (precision === 'fp16') return { precision, keyValues: new Uint16Array(buffer, byteOffset, numbers) };
  return {
    precision,
    keyValues: new Int8Array(buffer, byteOffset + scaleBytes, numbers),
    scales: new Uint16Array(buffer, byteOffset, scales),
  };
}

function bytesOf({ buffer, byteOffset, byteLength }: Int8Array | Uint16Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function digestOf(bytes: Uint8Array): Buffer {
  return hash('sha256', bytes.subarray(digestBytes), 'buffer');
}

function parsedJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    return undefined;
  }
}
