import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { SequenceAnchors } from '../engine/sealedSequence.ts';
import { choices } from '../protocol/anchorConfig.ts';

const headerSchema = z.object({
  format: z.literal(1),
  positions: z.array(z.int().min(0)).max(1 << 20),
  textPosition: z.int().min(0),
  sequence: z.object({
    textTokens: z.int().min(0),
    span: z.int().min(0),
    rows: z.int().min(0),
    ratio: z.int().min(1),
    choice: z.enum(choices).nullable(),
    independent: z.boolean(),
    state: z.enum(['live', 'anchored']),
  }),
});

/** Bytes of the SHA-256 in front: a damaged number would show as nothing but a worse answer. */
const digestBytes = 32;

/**
 * SHA-256 of what follows, length of the header as a little-endian 32-bit number, the header as JSON padded to an even
 * length, fp16 numbers.
 */
export function encodeAnchors(anchors: SequenceAnchors): Uint8Array {
  if (!(anchors.keyValues instanceof Uint16Array)) throw new RangeError('Anchors are stored in fp16');
  const { sequence, textPosition, keyValues } = anchors;
  const json = JSON.stringify({ format: 1, positions: [...anchors.positions], textPosition, sequence });
  const header = Buffer.from(json.padEnd(json.length + (json.length % 2)), 'utf8');
  const bytes = new Uint8Array(digestBytes + 4 + header.length + keyValues.byteLength);
  const body = bytes.subarray(digestBytes);
  new DataView(body.buffer, body.byteOffset).setUint32(0, header.length, true);
  body.set(header, 4);
  body.set(new Uint8Array(keyValues.buffer, keyValues.byteOffset, keyValues.byteLength), 4 + header.length);
  bytes.set(digestOf(body));
  return bytes;
}

/** Undefined when the bytes are not anchors that this build writes, or not as it wrote them. */
export function decodeAnchors(bytes: Uint8Array): SequenceAnchors | undefined {
  const body = bytes.subarray(digestBytes);
  if (body.length < 4 || !digestOf(body).equals(bytes.subarray(0, digestBytes))) return undefined;
  const length = new DataView(body.buffer, body.byteOffset).getUint32(0, true);
  const numbers = body.slice(4 + length);
  if (4 + length > body.length || numbers.length % 2 !== 0) return undefined;
  const header = headerSchema.safeParse(parsedJson(body.subarray(4, 4 + length)));
  if (!header.success) return undefined;
  const { positions, textPosition, sequence } = header.data;
  return {
    precision: 'fp16',
    keyValues: new Uint16Array(numbers.buffer, 0, numbers.length / 2),
    positions: Int32Array.from(positions),
    textPosition,
    sequence,
  };
}

function digestOf(body: Uint8Array): Buffer {
  return createHash('sha256').update(body).digest();
}

function parsedJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    return undefined;
  }
}
